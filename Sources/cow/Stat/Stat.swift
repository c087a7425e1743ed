internal import ArgumentParser
internal import MemoryAccounting

/// `cow stat`: the memory of processes, once.
struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how much memory processes really use, and how much of it is copy-on-write.",
    discussion: """
      RES is what top shows, HUGETLB what it leaves out; TREE is what a process uses together with its \
      descendants. USS are the pages that no other process maps. COW would be copied on the next \
      write; PRIVATE is anonymous memory of one process alone; SHARED is shared, and nobody would \
      copy it (files, shared memory): the three are RES and HUGETLB. ZERO are zero pages, which use \
      no memory until they are written to. DIFFERS are the pages that are not the parent's at the \
      same addresses (whichever of the two has written), FRESH those that the parent has not at all. \
      With --writers, COPIED are those of DIFFERS that the process has to itself since the fork, and \
      PARENT those that its parent has; a page may be both.

      '~' marks an estimate: run as root, the figures are exact, but for PARENT. The last line counts \
      each page once, however many processes map it.
      """)

  @OptionGroup var selection: ProcessSelection

  @Flag(help: "One row for each mapping.")
  var maps = false

  @Flag(help: "Show proportional set sizes (PSS); slows processes down if not run as root.")
  var pss = false

  @Flag(
    help: """
      Show whose the pages are that differ, the process's (COPIED) or its parent's (PARENT): as a \
      rule, whoever wrote there (root only). All of a huge page is whose who wrote to any of it. PARENT \
      is an estimate: pages that were pinned for input or output at the fork look the same.
      """)
  var writers = false

  @Option(help: "One row for each program, cgroup or user.")
  var by: GroupKey?

  @Flag(
    help: """
      Print metrics for Prometheus, of programs or of what --by names; of all processes unless some \
      are chosen.
      """)
  var prometheus = false

  @Option(
    help: "At most this many groups in the metrics; the smallest others are one, '(other)'.")
  var groups = 100

  @Option(help: "Sort processes of one parent, largest first.")
  var sort: StatOrder?

  @Flag(help: "Print JSON; amounts in bytes, null where they are denied.")
  var json = false

  @Flag(help: "Print comma-separated values; amounts in bytes, empty where they are denied.")
  var csv = false

  @Option(help: "The unit of the table.")
  var units: ByteUnit = .auto

  func validate() throws {
    if selection.isEmpty, by == nil, !prometheus {
      throw ValidationError(
        "name processes: cow stat PID, --name PATTERN, --user NAME, --cgroup PATH or --all")
    }
    if [json, csv, prometheus].count(where: { $0 }) > 1 {
      throw ValidationError("--json, --csv and --prometheus exclude each other")
    }
    if by != nil || prometheus, maps || writers || sort != nil || csv {
      throw ValidationError(
        "--by and --prometheus go with --json, --pss, --groups and --units only")
    }
    if groups < 1 { throw ValidationError("--groups must be at least 1") }
  }

  func run() throws {
    raiseOpenFileLimit()
    var options = AccountingOptions()
    options.includesMappings = maps
    options.includesProportional = pss || sort == .pss
    options.findsWriters = writers
    let key = by ?? (prometheus ? .program : nil)
    options.totals = key.map { .groups($0.grouping) } ?? .subtrees
    let start = ContinuousClock.now
    let found = try selection.find()
    if let note = found.note { ToolError.report(note) }
    let entries = found.entries
    let tree = try accounting { () throws(AccountingError) in
      try ProcessTree(entries: entries, options: options)
    }
    let obstacle = StatObstacle(tree)
    if json {
      try StandardOutput.write(StatDocument(tree).json())
    } else if csv {
      try StandardOutput.write(StatDocument(tree).csv(includingMappings: maps))
    } else if prometheus, let key {
      let metrics = try GroupMetrics(tree, by: key, limit: groups)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      try StandardOutput.write(metrics.text(seconds: seconds))
    } else if let by, obstacle == nil {
      let table = GroupTable(
        tree, by: by, units: units, style: Style(isEnabled: Terminal.hasColors))
      try StandardOutput.write(table.text())
    } else if obstacle == nil {
      let table = StatTable(
        tree, order: sort, units: units, style: Style(isEnabled: Terminal.hasColors),
        width: Terminal.isTerminal ? Terminal.size?.columns ?? 80 : 100, includingMappings: maps)
      try StandardOutput.write(table.text())
    }
    if let obstacle { throw obstacle.error }
  }
}
