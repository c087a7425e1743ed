import Foundation

/// What a run leaves behind, as `--json` writes it.
struct Record: Codable, Sendable {
  var machine: Machine
  var isQuick: Bool
  var measurements: Measurements
  var figures: [FigureReport.Verdict]

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try encoder.encode(self).write(to: URL(filePath: path))
  }
}
