/// What a process says of itself beside its memory; each is read when it is asked for.
extension ProcessEntry {
  /// When the process started, in clock ticks after boot: with the pid, what tells it from a later
  /// process of the same number.
  public var startTicks: UInt64 { startTime }

  /// How many page faults all its threads have taken so far, from /proc/PID/stat; `nil` if it has gone.
  /// Nobody writes to a page that is shared copy-on-write without one.
  public func faultCount() -> UInt64? {
    (try? ProcFile.read("/proc/\(pid)/stat")).flatMap { Self.faultCount(in: $0) }
  }

  static func faultCount(in stat: [UInt8]) -> UInt64? {
    guard let close = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count > 9 else { return nil }
    let number = { (index: Int) in UInt64(String(decoding: fields[index], as: UTF8.self)) }
    // Those that needed no reading from a disk, and those that did.
    guard let minor = number(7), let major = number(9) else { return nil }
    return minor &+ major
  }

  /// The words of its command line, from /proc/PID/cmdline; empty for threads of the kernel and for
  /// processes that have gone. A process may write what it likes there.
  public func commandLine() -> [String] {
    Self.words(ofCommandLine: (try? ProcFile.read("/proc/\(pid)/cmdline")) ?? [])
  }

  static func words(ofCommandLine text: [UInt8]) -> [String] {
    // Some fill what is left of the space with zeros, or with blanks.
    text.split(separator: 0).map {
      String(decoding: $0, as: UTF8.self).trimmingSuffix { $0 == " " }
    }.filter { !$0.isEmpty }
  }

  /// The name, whole where the kernel has cut it off after 15 bytes: that of the program's file if the
  /// name begins it, or else the first word of the command line.
  public func programName() -> String {
    guard name.utf8.count >= 15 else { return name }
    let file = (try? Kernel.target(ofLink: "/proc/\(pid)/exe")) ?? ""
    return Self.whole(name, among: [file, commandLine().first ?? ""])
  }

  static func whole(_ name: String, among paths: [String]) -> String {
    for path in paths {
      let last = path.split(separator: "/").last.map(String.init) ?? ""
      let base = last.hasSuffix(" (deleted)") ? String(last.dropLast(10)) : last
      if base.hasPrefix(name) { return base }
    }
    return name
  }

  /// The control group, from /proc/PID/cgroup: its path in the unified hierarchy (version 2), or in
  /// that of the memory controller (version 1) where the process is in the root of the former. `nil`
  /// if the process has gone.
  public func controlGroup() -> String? {
    (try? ProcFile.read("/proc/\(pid)/cgroup")).flatMap { Self.controlGroup(in: $0) }
  }

  /// A line is "ID:CONTROLLERS:PATH"; version 2 has number 0 and no controllers.
  static func controlGroup(in text: [UInt8]) -> String? {
    var unified: String?
    var memory: String?
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      if fields[0] == "0", fields[1].isEmpty { unified = String(fields[2]) }
      if fields[1].split(separator: ",").contains("memory") { memory = String(fields[2]) }
    }
    if let unified, unified != "/" { return unified }
    return memory ?? unified
  }
}

extension String {
  fileprivate func trimmingSuffix(while isDropped: (Character) -> Bool) -> String {
    var text = self[...]
    while let last = text.last, isDropped(last) { text.removeLast() }
    return String(text)
  }
}
