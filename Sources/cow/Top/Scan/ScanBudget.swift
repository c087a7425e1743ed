/// Keeps the time spent on reading page tables within a share of one core.
///
/// Time is earned at that share of the time that passes and spent by scans; a scan may begin while
/// any is left, and a long one leaves a debt that must be earned back first.
struct ScanBudget {
  /// The share of one core, of 1.
  let duty: Double
  private let limit: Double
  private(set) var credit: Double

  /// A budget that saves up for at most one interval, and starts with that much.
  init(duty: Double, interval: Double) {
    self.duty = duty
    limit = duty * interval
    credit = limit
  }

  var allowsScan: Bool { credit > 0 }

  mutating func earn(seconds: Double) { credit = min(credit + duty * seconds, limit) }

  mutating func spend(seconds: Double) { credit -= seconds }
}
