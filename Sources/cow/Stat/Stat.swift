internal import ArgumentParser
internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// `cow stat`: the memory of processes, once.
struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how much memory processes really use, and how much of it is copy-on-write.",
    discussion: """
      RES is what top shows. COW would be copied on the next write; PRIVATE belongs to one process
      alone; SHARED is shared by design (files, shared memory). DIVERGED was copied since the fork,
      FRESH was added since.

      '~' marks an estimate: run as root, the figures are exact.
      """)

  @OptionGroup var selection: ProcessSelection

  @Flag(help: "One row for each mapping.")
  var maps = false

  @Option(help: "Sort processes of one parent, largest first.")
  var sort: StatOrder?

  @Flag(help: "Print JSON; amounts in bytes, null where they are denied.")
  var json = false

  @Flag(help: "Print comma-separated values; amounts in bytes, empty where they are denied.")
  var csv = false

  @Option(help: "The unit of the table.")
  var units: ByteUnit = .auto

  func validate() throws {
    if selection.isEmpty {
      throw ValidationError("name a process: cow stat PID, --name PATTERN or --user NAME")
    }
    if json, csv { throw ValidationError("--json and --csv exclude each other") }
  }

  func run() throws {
    raiseOpenFileLimit()
    var options = AccountingOptions()
    options.includesMappings = maps
    let entries = try selection.entries()
    let tree = try accounting { () throws(AccountingError) in
      try ProcessTree(entries: entries, options: options)
    }
    let obstacle = StatObstacle(tree)
    if json {
      try StandardOutput.write(StatDocument(tree).json())
    } else if csv {
      try StandardOutput.write(StatDocument(tree).csv(includingMappings: maps))
    } else if obstacle == nil {
      let table = StatTable(
        tree, order: sort, units: units, style: Style(isEnabled: Terminal.hasColors))
      try StandardOutput.write(table.text(includingMappings: maps))
    }
    if let obstacle { throw obstacle.error }
  }
}

/// Raises the soft limit of open files as far as it goes: related processes are read side by side.
func raiseOpenFileLimit() {
  var limit = rlimit()
  let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  guard unsafe getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
  limit.rlim_cur = limit.rlim_max
  unsafe _ = setrlimit(kind, &limit)
}

/// Why nothing at all can be said about the processes that were asked for.
struct StatObstacle {
  let error: ToolError

  /// `nil` if at least one process was read.
  init?(_ tree: ProcessTree) {
    let processes = tree.processes
    guard !processes.contains(where: { $0.condition != .denied && $0.condition != .gone }) else {
      return nil
    }
    let one = processes.count == 1 ? processes.first?.process : nil
    if processes.contains(where: { $0.condition == .denied }) {
      let whom = one.map { "process \($0.pid) (\($0.name), user \($0.user))" }
      error = ToolError(
        .noPermission,
        "the memory of \(whom ?? "these processes") may not be read: "
          + "be its user, or root, and see that no security policy forbids it")
    } else {
      let whom = one.map { "process \($0.pid)" }
      error = ToolError(.noInput, "\(whom ?? "these processes") ended before being read")
    }
  }
}
