internal import ArgumentParser
internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// `cow record`: the memory of processes over time, for `cow diff` and other programs.
struct Record: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Record the memory of processes over time: one line of JSON for each sample.",
    discussion: """
      A line is what 'cow stat --maps --writers --json' prints: version (1), time (UTC), \
      uptimeSeconds and bootID, processes with their mappings, total; amounts in bytes, null where \
      they are denied. Mappings that hold no memory are left out, and of the others the amounts that \
      are 0. Fields may be added; none changes its meaning in a version.

      Recording ends with --count, with Ctrl-C, or when the processes that were named have ended. An \
      existing recording is continued. 'cow diff FILE' shows what changed.
      """)

  @OptionGroup var selection: ProcessSelection

  @Option(help: "Seconds between two samples; more if taking one takes longer.")
  var interval: Double = 10

  @Option(
    name: [.short, .long], help: "The file to add to; standard output without it.",
    completion: .file(extensions: ["jsonl"]))
  var output: String?

  @Option(help: "End after this many samples.")
  var count: Int?

  @Flag(help: "Leave the mappings out: shorter lines, and 'cow diff' cannot say where.")
  var noMaps = false

  func validate() throws {
    if selection.isEmpty {
      throw ValidationError("name processes: cow record PID, --name PATTERN, --user NAME or --all")
    }
    guard interval >= 0.1, interval <= 86_400 else {
      throw ValidationError("--interval must be from 0.1 to 86400 seconds")
    }
    if let count, count < 1 { throw ValidationError("--count must be at least 1") }
  }

  func run() throws {
    raiseOpenFileLimit()
    let first = try selection.find()
    if let note = first.note { ToolError.report(note) }
    if let output {
      let file = try RecordingFile.open(output)
      try record(from: first.entries) { line throws(ToolError) in try file.write(line) }
    } else {
      try record(from: first.entries) { line throws(ToolError) in try StandardOutput.write(line) }
    }
  }

  private func record(
    from first: [ProcessEntry], _ write: (String) throws(ToolError) -> Void
  ) throws(ToolError) {
    let signals = try SignalWatch([SIGINT, SIGTERM, SIGHUP])
    var entries = first
    var taken = 0
    var due = ContinuousClock.now
    while true {
      let start = ContinuousClock.now
      let tree = try sample(entries)
      if taken == 0, let obstacle = StatObstacle(tree) { throw obstacle.error }
      try write(try StatDocument(tree, at: .now()).jsonLine())
      taken += 1
      if taken == count { return }
      let now = ContinuousClock.now
      // The processes are left alone for at least as long as they were looked at.
      due = max(due + .seconds(interval), now + (now - start))
      // A signal is how a recording is meant to end.
      if signals.wait(seconds: (due - now) / .seconds(1)) != nil { return }
      entries = try selection.find(mayBeEmpty: true).entries
      if selection.isOfNamed, entries.allSatisfy(\.isZombie) {
        ToolError.report("the processes have ended; \(taken) samples were taken")
        return
      }
    }
  }

  private func sample(_ entries: [ProcessEntry]) throws(ToolError) -> ProcessTree {
    var options = AccountingOptions()
    options.includesMappings = !noMaps
    options.totals = .subtrees
    options.findsWriters = true
    return try accounting { [options] () throws(AccountingError) in
      try ProcessTree(entries: entries, options: options)
    }
  }
}
