/// How far a step has come: a line on a terminal that is gone when the step ends, nothing in a
/// pipe.
final class ProgressBar {
  private let label: String
  private let isVisible: Bool
  private var lastDrawing: ContinuousClock.Instant
  private var isDrawn = false

  private static var width: Int { 30 }
  /// Steps shorter than this show no bar: it would only flicker.
  private static var interval: Duration { .milliseconds(80) }

  init(_ label: String, isVisible: Bool) {
    self.label = label
    self.isVisible = isVisible
    lastDrawing = .now
  }

  /// Draws anew, unless that was done a moment ago. A terminal that has gone is found out by the
  /// line that follows.
  func update(_ done: Int, of all: Int) {
    guard isVisible, all > 0, ContinuousClock.now - lastDrawing > ProgressBar.interval else {
      return
    }
    lastDrawing = .now
    isDrawn = true
    let filled = min(done, all) * ProgressBar.width / all
    let bar =
      String(repeating: "█", count: filled)
      + String(repeating: "░", count: ProgressBar.width - filled)
    let columns = Terminal.size?.columns ?? 80
    let line = "\(label.padded(to: Narration.nameColumns)) \(bar) \(min(done, all) * 100 / all) %"
    try? StandardOutput.write("\r\(line.prefix(max(columns - 1, 0)))\u{1B}[K")
  }

  /// Takes the bar off the screen.
  func clear() {
    if isDrawn { try? StandardOutput.write("\r\u{1B}[K") }
    isDrawn = false
  }
}
