import TextTable

/// How the measurements stand against the figures to reach. It informs: a run does not fail for it.
struct FigureReport {
  struct Verdict: Codable, Sendable {
    var title: String
    var limit: Double
    var ratio: Double?
    var lowest: Double?
    var highest: Double?
    var result: String
  }

  let verdicts: [Verdict]

  init(_ measurements: Measurements) {
    verdicts =
      Figure.all.compactMap { figure in
        guard
          let ratio = figure.denominator.map({
            Ratio(measurements[figure.numerator], to: measurements[$0])
          }) ?? Ratio(measurements[figure.numerator])
        else { return nil }
        return Verdict(
          title: figure.title, limit: figure.limit, ratio: ratio.median, lowest: ratio.lowest,
          highest: ratio.highest, result: ratio.median <= figure.limit ? "met" : "not met")
      } + Self.shares(measurements) + Self.exponents(measurements)
  }

  /// Memory is a share by itself: the extra bytes by the dirtied ones.
  private static func shares(_ measurements: Measurements) -> [Verdict] {
    let condition = MemoryScenario.condition(10)
    return verdicts(
      measurements.series.filter {
        $0.key.metric == MemoryScenario.share && $0.key.condition == condition
          && $0.key.peer != Contestant.fork.name
      }, atMost: 1.05
    ) { "extra memory / dirtied, \(condition), \($0.peer)" }
  }

  private static func exponents(_ measurements: Measurements) -> [Verdict] {
    verdicts(
      measurements.series.filter { $0.key.metric == GrowthScenario.exponent }, atMost: 1.05
    ) { "\($0.peer), \($0.condition)" }
  }

  private static func verdicts(
    _ series: [Series], atMost limit: Double, title: (SeriesKey) -> String
  ) -> [Verdict] {
    series.map {
      Verdict(
        title: title($0.key), limit: limit, ratio: $0.median, lowest: $0.samples.min(),
        highest: $0.samples.max(), result: $0.median <= limit ? "met" : "not met")
    }
  }

  func print() {
    guard !verdicts.isEmpty else { return }
    let table = TextTable<Verdict> {
      [
        Column(title: "Figure to reach", value: $0.title, width: 62),
        Column(title: "at most", value: format($0.limit), width: 7, align: .right),
        Column(
          title: "ratio (spread)",
          value: formatSpread($0.ratio, $0.lowest, $0.highest), width: 21, align: .right),
        Column(title: "", value: $0.result, width: 7),
      ]
    }
    Swift.print("\nFigures to reach: medians of the rounds' ratios, and their spread")
    table.print(verdicts, style: Style.simple)
  }
}
