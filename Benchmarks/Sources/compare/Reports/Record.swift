import Foundation

/// What a run leaves behind, as `--json` writes it: summaries, a line for each, from which the charts can
/// be drawn again.
struct Record: Codable, Sendable {
  var machine: Machine
  var isQuick: Bool
  var figures: [FigureReport.Verdict]
  var results: [Result]
  var unavailable: [Measurements.Unavailable]
  var distributions: [Distribution]

  /// What was measured on one peer under one condition.
  struct Result: Codable, Sendable {
    var scenario: String
    var condition: String
    var peer: String
    /// By quantity with its unit.
    var metrics: [String: Summary]
  }

  /// The samples of all rounds.
  struct Summary: Codable, Sendable {
    var rounds: Int
    var median: Double
    var lowest: Double
    var highest: Double

    init(_ samples: [Double]) {
      rounds = samples.count
      median = samples.median.rounded(toDigits: 4)
      lowest = (samples.min() ?? .nan).rounded(toDigits: 4)
      highest = (samples.max() ?? .nan).rounded(toDigits: 4)
    }
  }

  init(
    machine: Machine, isQuick: Bool, measurements: Measurements, figures: [FigureReport.Verdict]
  ) {
    self.machine = machine
    self.isQuick = isQuick
    self.figures = figures.map(\.rounded)
    unavailable = measurements.unavailable
    distributions = measurements.distributions
    results = []
    for series in measurements.series {
      let key = series.key
      let summary = Summary(series.samples)
      // Series of one peer and condition follow one another, or nearly so.
      let position = results.lastIndex {
        $0.scenario == key.scenario && $0.condition == key.condition && $0.peer == key.peer
      }
      if let position {
        results[position].metrics[key.metric] = summary
      } else {
        results.append(
          Result(
            scenario: key.scenario, condition: key.condition, peer: key.peer,
            metrics: [key.metric: summary]))
      }
    }
  }

  /// The median of a series, if it was measured.
  func median(of key: SeriesKey) -> Double? {
    results.first {
      $0.scenario == key.scenario && $0.condition == key.condition && $0.peer == key.peer
    }?.metrics[key.metric]?.median
  }

  // MARK: - Files

  func write(to path: String) throws {
    let lines = try [
      "\"machine\": " + text(machine), "\"isQuick\": " + text(isQuick),
      "\"figures\": " + list(figures), "\"results\": " + list(results),
      "\"unavailable\": " + list(unavailable), "\"distributions\": " + list(distributions),
    ]
    try Data("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8).write(to: URL(filePath: path))
  }

  static func read(from path: String) throws -> Record {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try decoder.decode(Record.self, from: Data(contentsOf: URL(filePath: path)))
  }

  private func list(_ values: [some Encodable]) throws -> String {
    values.isEmpty ? "[]" : "[\n" + (try values.map(text).joined(separator: ",\n")) + "\n]"
  }

  private func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

extension FigureReport.Verdict {
  /// The same to four digits, which is more than any run repeats.
  fileprivate var rounded: Self {
    var verdict = self
    verdict.limit = limit.rounded(toDigits: 4)
    verdict.ratio = ratio?.rounded(toDigits: 4)
    verdict.lowest = lowest?.rounded(toDigits: 4)
    verdict.highest = highest?.rounded(toDigits: 4)
    return verdict
  }
}

extension Double {
  fileprivate func rounded(toDigits digits: Int) -> Double {
    guard isFinite, self != 0 else { return self }
    // By way of text: the nearest number of so many decimal digits.
    return Double(String(format: "%.\(digits - 1)e", self)) ?? self
  }
}
