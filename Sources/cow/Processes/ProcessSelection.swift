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

  @Option(
    help: """
      All processes of this control group and those below (its path, as in /proc/PID/cgroup), or of \
      those with this word in their name, such as a container's identifier.
      """)
  var cgroup: String?

  @Flag(help: "All processes. Threads of the kernel, which have no memory, are never found.")
  var all = false

  @Flag(help: "Leave the descendants of the processes out.")
  var only = false

  /// Whether the command line chooses any process.
  var isEmpty: Bool { pids.isEmpty && !searches && !all }

  /// Whether it chooses nothing but processes by their numbers, of which there will be no more.
  var isOfNamed: Bool { !pids.isEmpty && !searches }

  private var searches: Bool { name != nil || user != nil || cgroup != nil }

  func validate() throws {
    if let wrong = pids.first(where: { $0 <= 0 }) {
      throw ValidationError("\(wrong) is not a process number")
    }
    if let name, (try? Regex(name)) == nil {
      throw ValidationError("'\(name)' is not a regular expression")
    }
    if let cgroup, ControlGroupPattern(cgroup) == nil {
      throw ValidationError("'\(cgroup)' is not the path of a control group")
    }
    if all, !pids.isEmpty || searches {
      throw ValidationError("--all and a choice of processes exclude each other")
    }
  }

  /// What a command line finds.
  struct Found {
    /// The processes as the kernel lists them now, parents before children.
    let entries: [ProcessEntry]
    /// Those that were named and are not there (any more).
    let missing: [Int32]

    /// The line that says which are missing, `nil` where none is.
    var note: String? {
      guard let first = missing.first else { return nil }
      return missing.count == 1
        ? "there is no process \(first) (any more): it is left out"
        : "there are no processes \(missing.map(String.init).joined(separator: ", ")) (any more): "
          + "they are left out"
    }
  }

  /// Finds the processes; without any choice, all of them.
  ///
  /// - Throws: `ToolError` (`EX_NOINPUT`) if there is none, unless `mayBeEmpty`: what was there at
  ///   first may end while it is watched.
  func find(mayBeEmpty: Bool = false) throws(ToolError) -> Found {
    let everything = try accounting { () throws(AccountingError) in try ProcessEntry.all() }
    if isEmpty || all {
      return Found(entries: everything.filter { !$0.isKernelThread }, missing: [])
    }
    let listed = Set(everything.map(\.pid))
    let missing = pids.filter { !listed.contains($0) }
    var roots = pids.filter(listed.contains)
    if searches { roots += try matches(everything).map(\.pid) }
    if roots.isEmpty, !mayBeEmpty {
      guard let first = missing.first else {
        throw ToolError(.noInput, "no process matches --name, --user or --cgroup")
      }
      throw ToolError(
        .noInput,
        missing.count == 1
          ? "no process \(first) (or /proc is mounted with hidepid and hides it)"
          : "there is none of the processes \(missing.map(String.init).joined(separator: ", "))")
    }
    guard only else { return Found(entries: everything.descendants(of: roots), missing: missing) }
    let byPid = Dictionary(everything.map { ($0.pid, $0) }, uniquingKeysWith: { first, _ in first })
    var seen: Set<Int32> = []
    return Found(
      entries: roots.compactMap { seen.insert($0).inserted ? byPid[$0] : nil }, missing: missing)
  }

  private func matches(_ all: [ProcessEntry]) throws(ToolError) -> [ProcessEntry] {
    let own = getpid()
    let wantedUser = try user.map { name throws(ToolError) in try Users.number(of: name) }
    let pattern = name.flatMap { try? Regex($0) }
    let group = cgroup.flatMap(ControlGroupPattern.init)
    return all.filter { entry in
      if entry.isKernelThread || entry.pid == own { return false }
      if let wantedUser, entry.user != wantedUser { return false }
      if let pattern, entry.name.firstMatch(of: pattern) == nil,
        entry.programName().firstMatch(of: pattern) == nil
      {
        return false
      }
      guard let group else { return true }
      return entry.controlGroup().map(group.matches) ?? false
    }
  }
}
