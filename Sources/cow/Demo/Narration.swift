internal import MemorySnapshots

/// Prints the steps of the demo as they are done, and remembers them.
final class Narration {
  /// One step.
  struct Step: Codable {
    let name: String
    let nanoseconds: UInt64
    /// What fork(2) takes to give as many images of as much memory, where the step makes images.
    let forkNanoseconds: UInt64?
    let result: String
  }

  static var nameColumns: Int { 40 }
  private static var timeColumns: Int { 9 }

  /// What came of a step.
  struct Outcome {
    /// In a few words.
    let text: String
    /// How long it took, where that is not all that was done meanwhile.
    let nanoseconds: UInt64?

    init(_ text: String = "", nanoseconds: UInt64? = nil) {
      self.text = text
      self.nanoseconds = nanoseconds
    }
  }

  private let isSilent: Bool
  private let style: Style
  private(set) var steps: [Step] = []

  init(isSilent: Bool) {
    self.isSilent = isSilent
    style = Style(isEnabled: !isSilent && Terminal.hasColors)
  }

  /// Does a step and prints its name, its time and what came of it.
  func step(
    _ name: String, forkNanoseconds: UInt64? = nil, _ body: (ProgressBar) throws -> Outcome
  ) throws {
    let bar = progressBar("  " + name)
    defer { bar.clear() }
    let start = ContinuousClock.now
    let outcome = try body(bar)
    let nanoseconds = outcome.nanoseconds ?? (ContinuousClock.now - start).wholeNanoseconds
    bar.clear()
    steps.append(
      Step(
        name: name, nanoseconds: nanoseconds, forkNanoseconds: forkNanoseconds,
        result: outcome.text))
    try row(
      name, TimeText(nanoseconds: nanoseconds).description,
      forkNanoseconds.map { TimeText(nanoseconds: $0).description } ?? "", outcome.text)
  }

  /// A bar for something that takes time.
  func progressBar(_ label: String) -> ProgressBar {
    ProgressBar(label, isVisible: !isSilent && Terminal.isTerminal)
  }

  /// Prints a title, and what stands over the columns of figures below it.
  func heading(_ text: String, columns: (first: String, second: String)? = nil) throws(ToolError) {
    guard let columns else { return try line(style.bold(text)) }
    try line(
      style.bold(text.padded(to: Narration.nameColumns))
        + Narration.aligned(columns.first) + Narration.aligned(columns.second))
  }

  /// Prints figures under names.
  func row(
    _ name: String, _ first: String, _ second: String, _ remark: String
  ) throws(ToolError) {
    var text = "  " + name.padded(to: Narration.nameColumns - 2)
    text += Narration.aligned(first) + Narration.aligned(second)
    if !remark.isEmpty { text += "  " + style.dim(remark) }
    while text.last == " " { text.removeLast() }
    try line(text)
  }

  private static func aligned(_ text: String) -> String {
    String(repeating: " ", count: max(1, timeColumns - text.count)) + text
  }

  /// Prints a line.
  func line(_ text: String) throws(ToolError) {
    if !isSilent { try StandardOutput.write(text + "\n") }
  }
}

extension String {
  /// The text, followed by as many spaces as it lacks.
  func padded(to count: Int) -> String {
    self + String(repeating: " ", count: max(0, count - self.count))
  }
}
