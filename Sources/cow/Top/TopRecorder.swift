internal import Foundation
internal import MemoryAccounting

/// The recording that `r` starts: every scan is a sample of it.
final class TopRecorder {
  let path: String
  private let file: RecordingFile

  init() throws(ToolError) {
    let style = Date.VerbatimFormatStyle(
      format: """
        \(year: .defaultDigits)\(month: .twoDigits)\(day: .twoDigits)-\
        \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased))\(minute: .twoDigits)\
        \(second: .twoDigits)
        """, timeZone: .current, calendar: Calendar(identifier: .gregorian))
    path = "cow-\(Date().formatted(style)).jsonl"
    file = try RecordingFile.open(path)
  }

  func write(_ tree: ProcessTree) throws(ToolError) {
    try file.write(try StatDocument(tree).jsonLine())
  }
}
