internal import ArgumentParser

/// `cow diff`: what changed between two samples.
struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what was copied, and where, between two samples.",
    discussion: """
      The samples are lines of 'cow record' or documents of 'cow stat --json' (with --maps, mappings \
      are compared too). Of one recording, its first and last sample are compared; of two files, the \
      last of each.

      COPIED are pages that a process has to itself since the fork and its parent not, as a rule \
      because it wrote there (DIFFERS, where that is not known: the pages that are not its parent's \
      any more), LEFT TO COPY is what is still copy-on-write at the end. Processes are the same if pid \
      and start are; where none is in both, those of one name are compared.
      """)

  @Argument(help: "A recording, or a document of 'cow stat --json'.", completion: .file())
  var file: String

  @Argument(help: "What to compare it with.", completion: .file())
  var other: String?

  @Option(
    help: "The earlier sample: this long after the first one of its file, as in 90, 90s, 5m or 1h.")
  var from: Moment?

  @Option(help: "The later sample, likewise.")
  var to: Moment?

  @Flag(help: "Show all mappings that changed, not only those in which most was copied.")
  var maps = false

  @Flag(help: "Print JSON; amounts in bytes, null where they were denied.")
  var json = false

  @Option(help: "The unit of the tables.")
  var units: ByteUnit = .auto

  /// A time after the first sample.
  struct Moment: ExpressibleByArgument {
    let seconds: Double

    init?(argument: String) {
      let scales: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
      let scale = argument.last.flatMap { scales[$0] }
      guard let number = Double(scale == nil ? argument : String(argument.dropLast())),
        number >= 0, number.isFinite
      else { return nil }
      seconds = number * (scale ?? 1)
    }
  }

  func run() throws {
    let earlier = try Recording(file)
    let later = try other.map { path throws(ToolError) in try Recording(path) } ?? earlier
    if other == nil, earlier.count == 1 {
      throw ToolError(.usage, "\(file) holds one sample: name another to compare it with")
    }
    for recording in other == nil ? [earlier] : [earlier, later] where recording.isCutOff {
      ToolError.report("the last line of \(recording.path) is cut off: it is left out")
    }
    let difference = SampleDifference(
      from: try earlier.sample(choice(from, or: other == nil ? .first : .last)),
      to: try later.sample(choice(to, or: .last)))
    if json {
      try StandardOutput.write(try jsonText(DiffDocument(difference)) + "\n")
    } else {
      let text = DiffText(
        difference, units: units, style: Style(isEnabled: Terminal.hasColors),
        columns: Terminal.size?.columns ?? 100, mappingLimit: maps ? .max : 10)
      try StandardOutput.write(text.lines.joined(separator: "\n") + "\n")
    }
  }

  private func choice(_ moment: Moment?, or choice: Recording.Choice) -> Recording.Choice {
    moment.map { .after(seconds: $0.seconds) } ?? choice
  }
}
