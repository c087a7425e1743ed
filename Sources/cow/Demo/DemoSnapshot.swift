internal import ArgumentParser
internal import MemorySnapshots

/// Proves snapshots on a real file, and measures them beside `fork()`.
struct DemoSnapshot: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Take snapshots of memory that two threads overwrite, and prove them right.",
    discussion: """
      Loads FILE into a region of memory, takes a snapshot, has two threads overwrite the region \
      and meanwhile saves the snapshot; compares what was saved with FILE; takes ten more snapshots \
      while the threads write on, and checks them against each other's lists of changed pages; \
      rolls the region back and compares it with FILE again. Then measures the pause, the memory \
      and the faults in a region of N megabytes, beside fork() and a handler in plain C.

      Exit code: 0 if everything was equal, 1 if anything differed, otherwise one of sysexits.h. A \
      file called like a subcommand is given as ./NAME.
      """)

  @Argument(help: "A regular file; the program's own executable if none is given.")
  var file: String?

  @Option(name: .long, help: "The size of the region to measure with, in MiB; 0 for none.")
  var megabytes = 256

  @Flag(name: .long, help: "Print all that was found and measured as JSON, and nothing else.")
  var json = false

  func validate() throws {
    guard (0...(1 << 24)).contains(megabytes) else {
      throw ValidationError("--megabytes takes 0 to \(1 << 24), not \(megabytes).")
    }
  }

  func run() throws {
    let input = try InputFile(file)
    try MemoryNeeds.check(fileBytes: input.byteCount, measuredBytes: megabytes << 20)
    let narration = Narration(isSilent: json)
    let proof = try snapshotErrors { try SnapshotProof(of: input, narration) }
    let figures =
      megabytes > 0 ? try snapshotErrors { try Figures(megabytes << 20, narration) } : nil
    let report = DemoReport(
      machine: Machine(), file: input.name, byteCount: input.byteCount, steps: narration.steps,
      proof: proof, figures: figures)
    if json { try StandardOutput.write(try jsonText(report) + "\n") }
    guard proof.isRight else {
      ToolError.report(proof.verdict)
      throw ExitCode(1)
    }
    try narration.line("Everything was equal.")
  }
}

/// All that a run found and measured.
struct DemoReport: Codable {
  let machine: Machine
  let file: String
  let byteCount: Int
  let steps: [Narration.Step]
  let proof: SnapshotProof
  let figures: Figures?
}
