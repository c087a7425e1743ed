internal import SystemPackage

/// A process as the kernel lists it, before its memory is looked at.
public struct ProcessEntry: Codable, Sendable, Hashable {
  /// The process's number.
  public let pid: Int32
  /// The number of its parent, 0 if that is outside this pid namespace.
  public let parent: Int32
  /// The command's name, at most 15 bytes long.
  public let name: String
  /// The real user.
  public let user: UInt32
  /// Whether this is a thread of the kernel, which has no memory of its own.
  public let isKernelThread: Bool
  /// Whether the process is ending, or has ended and only waits for its parent to notice.
  public let isZombie: Bool
  /// When it started, in clock ticks after boot: with the pid, what tells it from a later process.
  let startTime: UInt64

  /// Reads the entry of one process from /proc/PID/stat and /proc/PID/status.
  ///
  /// - Returns: `nil` if there is no such process, or /proc hides it.
  /// - Throws: `AccountingError` if /proc is not there.
  public init?(pid: Int32) throws(AccountingError) {
    guard pid > 0, let stat = try? ProcFile.read("/proc/\(pid)/stat"),
      let status = try? ProcFile.read("/proc/\(pid)/status")
    else {
      try ProcessEntry.requireProc()
      return nil
    }
    self.init(pid: pid, stat: stat, status: status)
  }

  /// Every process that /proc shows, in the order of the pids.
  ///
  /// - Throws: `AccountingError` if /proc is not there.
  /// - Complexity: three system calls for each of two files of each process.
  public static func all() throws(AccountingError) -> [ProcessEntry] {
    try requireProc()
    let names: [String]
    do throws(Errno) {
      names = try Kernel.names(inDirectory: "/proc")
    } catch {
      throw AccountingError(
        .procUnavailable, errno: error.rawValue, "/proc cannot be listed: \(error)")
    }
    var entries: [ProcessEntry] = []
    for pid in names.compactMap({ Int32($0) }).sorted() {
      if let entry = try ProcessEntry(pid: pid) { entries.append(entry) }
    }
    return entries
  }

  /// The resident size that `top` shows, from /proc/PID/statm: cheap, and known of every process, but
  /// an estimate, because the kernel's counters lag behind. Denied if the process has gone.
  public func residentSize() -> MemoryFigure {
    var scanner = ByteScanner((try? ProcFile.read("/proc/\(pid)/statm")) ?? [])
    _ = scanner.decimal()
    guard let pages = scanner.decimal() else { return .denied }
    return MemoryFigure(bytes: pages * Kernel.pageSize, exactness: .estimate)
  }

  /// Whether the process has ended since, or is ending.
  var hasEnded: Bool {
    guard let now = try? ProcessEntry(pid: pid) else { return true }
    return now.startTime != startTime || now.isZombie
  }

  /// The path of the control group that the process is in, from /proc/PID/cgroup: that of version 2
  /// or, where the process is in none but its root, that of the memory controller of version 1, or of
  /// whichever hierarchy has one. `nil` if the process has gone, or the kernel has no control groups.
  public func controlGroup() -> String? {
    (try? ProcFile.read("/proc/\(pid)/cgroup")).flatMap(ControlGroups.path)
  }

  init?(pid: Int32, stat: [UInt8], status: [UInt8]) {
    // The name may hold spaces and parentheses: it ends at the last one.
    guard let open = stat.firstIndex(of: UInt8(ascii: "(")),
      let close = stat.lastIndex(of: UInt8(ascii: ")")), open < close
    else { return nil }
    let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count > 19 else { return nil }
    let number = { (index: Int) in UInt64(String(decoding: fields[index], as: UTF8.self)) ?? 0 }
    self.pid = pid
    name = String(decoding: stat[(open + 1)..<close], as: UTF8.self)
    let state = fields[0].first
    let exitingFlag: UInt64 = 0x4  // PF_EXITING
    isZombie =
      state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") || number(6) & exitingFlag != 0
    parent = Int32(truncatingIfNeeded: number(1))
    let kernelThreadFlag: UInt64 = 0x0020_0000  // PF_KTHREAD
    isKernelThread = number(6) & kernelThreadFlag != 0
    startTime = number(19)
    var scanner = ByteScanner(status)
    var user: UInt32 = 0
    while !scanner.isAtEnd {
      if scanner.word().elementsEqual("Uid:".utf8) {
        user = UInt32(truncatingIfNeeded: scanner.decimal() ?? 0)
        break
      }
      scanner.skipLine()
    }
    self.user = user
  }

  /// - Throws: `AccountingError` unless /proc is mounted and the kernel's.
  private static func requireProc() throws(AccountingError) {
    do throws(Errno) {
      _ = try ProcFile.read("/proc/self/stat")
    } catch {
      throw AccountingError(
        .procUnavailable, errno: error.rawValue,
        "/proc cannot be read (\(error)): is it mounted?")
    }
  }
}

extension Sequence<ProcessEntry> {
  /// The processes called `roots` and all that descend from them, parents before children.
  public func descendants(of roots: [Int32]) -> [ProcessEntry] {
    var children: [Int32: [ProcessEntry]] = [:]
    var byPid: [Int32: ProcessEntry] = [:]
    for entry in self {
      children[entry.parent, default: []].append(entry)
      byPid[entry.pid] = entry
    }
    var found: [ProcessEntry] = []
    var seen: Set<Int32> = []
    var pending = roots.reversed().compactMap { byPid[$0] }
    while let entry = pending.popLast() {
      guard seen.insert(entry.pid).inserted else { continue }
      found.append(entry)
      pending.append(contentsOf: (children[entry.pid] ?? []).reversed())
    }
    return found
  }
}
