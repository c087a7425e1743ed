/// What one series of samples measures, and on whom.
struct SeriesKey: Hashable, Codable, Sendable {
  var scenario: String
  /// The conditions, as the tables print them: "1 GiB, 1 % dirty".
  var condition: String
  var peer: String
  /// The quantity with its unit: "p50 µs".
  var metric: String
}

/// One sample a round, in the order of the rounds.
struct Series: Codable, Sendable {
  var key: SeriesKey
  var samples: [Double]

  var median: Double { samples.median }
}

/// Everything that was measured, in the order in which it first came up.
struct Measurements: Codable, Sendable {
  private(set) var series: [Series] = []
  /// Why a peer has no samples under a condition.
  private(set) var unavailable: [Unavailable] = []
  /// Latency distributions, all rounds together.
  var distributions: [Distribution] = []

  private var index: [SeriesKey: Int] = [:]

  struct Unavailable: Codable, Sendable {
    var scenario: String
    var condition: String
    var peer: String
    var reason: String
  }

  private enum CodingKeys: CodingKey {
    case series, unavailable, distributions
  }

  subscript(key: SeriesKey) -> Series? {
    index[key].map { series[$0] }
  }

  mutating func add(_ sample: Double, to key: SeriesKey) {
    if let position = index[key] {
      series[position].samples.append(sample)
    } else {
      index[key] = series.count
      series.append(Series(key: key, samples: [sample]))
    }
  }

  mutating func markUnavailable(
    scenario: String, condition: String, peer: String, reason: String
  ) {
    unavailable.append(
      Unavailable(scenario: scenario, condition: condition, peer: peer, reason: reason))
  }
}

extension [Double] {
  /// The middle sample, or the mean of the two in the middle; not a number where there is none.
  var median: Double {
    guard !isEmpty else { return .nan }
    let ordered = sorted()
    let middle = count / 2
    return count.isMultiple(of: 2) ? (ordered[middle - 1] + ordered[middle]) / 2 : ordered[middle]
  }
}
