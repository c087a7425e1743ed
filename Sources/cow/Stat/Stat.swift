internal import ArgumentParser
internal import MemoryAccounting

/// `cow stat`: the memory of processes, once.
struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how much memory processes really use, and how much of it is copy-on-write.",
    discussion: """
      RES is what top shows; TREE is what a process uses together with its descendants; HUGETLB is what it leaves out. USS are the pages that no other process \
      maps. COW would be copied on the next write; PRIVATE is anonymous memory of one process alone; \
      SHARED is shared by design (files, shared memory). DIFFERS are the pages that are not the \
      parent's at the same addresses (whichever of the two has written), FRESH those that the parent \
      has not at all.

      '~' marks an estimate: run as root, the figures are exact. The last line counts each page once, \
      however many processes map it.
      """)

  @OptionGroup var selection: ProcessSelection

  @Flag(help: "One row for each mapping.")
  var maps = false

  @Flag(help: "Show proportional set sizes (PSS); slows processes down if not run as root.")
  var pss = false

  @Flag(help: "Show who wrote to the pages that differ, the process or its parent (root only).")
  var writers = false

  @Option(help: "One row for each program, cgroup or user.")
  var by: GroupKey?

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
    if by != nil, maps || writers || sort != nil || csv {
      throw ValidationError("--by goes with --json, --pss and --units only")
    }
  }

  func run() throws {
    raiseOpenFileLimit()
    var options = AccountingOptions()
    options.includesMappings = maps
    options.includesProportional = pss || sort == .pss
    options.findsWriters = writers
    options.totals = by.map { .groups($0.grouping) } ?? .subtrees
    let entries = try selection.entries()
    let tree = try accounting { () throws(AccountingError) in
      try ProcessTree(entries: entries, options: options)
    }
    let obstacle = StatObstacle(tree)
    if json {
      try StandardOutput.write(StatDocument(tree).json())
    } else if csv {
      try StandardOutput.write(StatDocument(tree).csv(includingMappings: maps))
    } else if by != nil, obstacle == nil {
      let table = GroupTable(tree, units: units, style: Style(isEnabled: Terminal.hasColors))
      try StandardOutput.write(table.text())
    } else if obstacle == nil {
      let table = StatTable(
        tree, order: sort, units: units, style: Style(isEnabled: Terminal.hasColors))
      try StandardOutput.write(table.text(includingMappings: maps))
    }
    if let obstacle { throw obstacle.error }
  }
}
