internal import ArgumentParser
internal import MemoryAccounting

/// `cow stat`: the memory of processes, once.
struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how much memory processes really use, and how much of it is copy-on-write.",
    discussion: """
      RES is what top shows. COW would be copied on the next write; PRIVATE belongs to one process \
      alone; SHARED is shared by design (files, shared memory). DIVERGED was copied since the fork, \
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

  @Option(help: "Put processes together by program name, control group or user.")
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
    if by != nil, csv || maps {
      throw ValidationError("--by goes with a table, --json and --prometheus; not --csv or --maps")
    }
    if groups < 1 { throw ValidationError("--groups must be at least 1") }
  }

  func run() throws {
    raiseOpenFileLimit()
    if prometheus {
      try printGroups(by ?? .program)
      return
    }
    if let by {
      try printGroups(by)
      return
    }
    var options = AccountingOptions()
    options.includesMappings = maps
    let found = try selection.find()
    let entries = found.entries
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
    if let note = found.note { ToolError.report(note) }
    if let obstacle { throw obstacle.error }
  }

  private func printGroups(_ key: GroupKey) throws(ToolError) {
    let start = ContinuousClock.now
    let found = try selection.find()
    if let note = found.note { ToolError.report(note) }
    let measured = try ProcessGroups(
      found.entries, by: key, limit: prometheus ? groups : .max)
    if prometheus {
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      try StandardOutput.write(GroupMetrics(measured, seconds: seconds).text)
    } else if json {
      try StandardOutput.write(try jsonText(GroupDocument(measured)) + "\n")
    } else {
      let table = GroupTable(
        groups: measured, units: units, style: Style(isEnabled: Terminal.hasColors),
        width: Terminal.size?.columns ?? 100)
      try StandardOutput.write(table.text)
    }
  }
}
