internal import ArgumentParser
internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The processes that a command is about: named ones, found ones, and their descendants.
struct ProcessSelection: ParsableArguments {
  @Argument(help: "The processes.")
  var pids: [Int32] = []

  @Option(help: "All processes whose name matches this regular expression.")
  var name: String?

  @Option(help: "All processes of this user (name or number).")
  var user: String?

  @Option(help: "All processes of this control group and those below it (a path).")
  var cgroup: String?

  @Flag(help: "Leave threads of the kernel out.")
  var noKernelThreads = false

  @Flag(help: "Leave the descendants of the processes out.")
  var only = false

  /// Whether the command line chooses any process.
  var isEmpty: Bool { pids.isEmpty && name == nil && user == nil && cgroup == nil }

  func validate() throws {
    if let wrong = pids.first(where: { $0 <= 0 }) {
      throw ValidationError("\(wrong) is not a process number")
    }
    if let name, (try? Regex(name)) == nil {
      throw ValidationError("'\(name)' is not a regular expression")
    }
  }

  /// The selected processes as the kernel lists them now, parents before children. With
  /// `ignoresEnded`, one that is named need not exist any more, as long as another does.
  func entries(ignoresEnded: Bool = false) throws(ToolError) -> [ProcessEntry] {
    let all = try accounting { () throws(AccountingError) in try ProcessEntry.all() }
    var roots: [Int32] = []
    for pid in pids {
      guard all.contains(where: { $0.pid == pid }) else {
        if ignoresEnded, pids.contains(where: { pid in all.contains { $0.pid == pid } }) {
          continue
        }
        throw ToolError(
          .noInput, "no process \(pid) (or /proc is mounted with hidepid and hides it)")
      }
      roots.append(pid)
    }
    if name != nil || user != nil || cgroup != nil { roots += try matches(all).map(\.pid) }
    let selected = only ? entries(all, of: roots) : all.descendants(of: roots)
    return noKernelThreads ? selected.filter { !$0.isKernelThread } : selected
  }

  private func entries(_ all: [ProcessEntry], of pids: [Int32]) -> [ProcessEntry] {
    var seen: Set<Int32> = []
    return pids.compactMap { pid in
      seen.insert(pid).inserted ? all.first { $0.pid == pid } : nil
    }
  }

  private func matches(_ all: [ProcessEntry]) throws(ToolError) -> [ProcessEntry] {
    let own = getpid()
    let wantedUser = try user.map { name throws(ToolError) in try userNumber(name) }
    let pattern = name.flatMap { try? Regex($0) }
    let found = all.filter { entry in
      (wantedUser == nil || entry.user == wantedUser)
        && (pattern.map { entry.name.firstMatch(of: $0) != nil } ?? true) && entry.pid != own
        && (cgroup.map { isIn($0, entry) } ?? true)
    }
    guard !found.isEmpty else {
      throw ToolError(.noInput, "no process matches --name, --user or --cgroup")
    }
    return found
  }

  /// Whether a process is in a control group or in one below it.
  private func isIn(_ path: String, _ entry: ProcessEntry) -> Bool {
    guard let group = entry.controlGroup() else { return false }
    let wanted = path.hasSuffix("/") ? String(path.dropLast()) : path
    return group == wanted || wanted.isEmpty || group.hasPrefix(wanted + "/")
  }

  private func userNumber(_ name: String) throws(ToolError) -> UInt32 {
    if let number = UInt32(name) { return number }
    guard let record = unsafe getpwnam(name) else {
      throw ToolError(.noUser, "no user '\(name)'")
    }
    return unsafe record.pointee.pw_uid
  }
}
