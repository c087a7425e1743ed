/// How one peer compares with another: the ratio in each round, since a round's samples were taken
/// within seconds of one another on the same machine.
struct Ratio: Sendable {
  var median: Double
  var lowest: Double
  var highest: Double

  init?(_ numerator: Series?, to denominator: Series?) {
    guard let numerator, let denominator else { return nil }
    self.init(zip(numerator.samples, denominator.samples).map { $0 / $1 })
  }

  /// A quantity by itself.
  init?(_ series: Series?) {
    guard let series else { return nil }
    self.init(series.samples)
  }

  private init?(_ ratios: [Double]) {
    guard let lowest = ratios.min(), let highest = ratios.max() else { return nil }
    self.median = ratios.median
    self.lowest = lowest
    self.highest = highest
  }
}
