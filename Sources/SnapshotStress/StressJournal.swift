internal import Synchronization

/// What all threads of a run share: whether to stop, what was done, what was found.
final class StressJournal: Sendable {
  private let stopping = Atomic<Bool>(false)
  private let operations = StressGuarded(StressReport.Operations())
  private let found = StressGuarded<[String]>([])
  private static let mostViolations = 20

  var isStopping: Bool { stopping.load(ordering: .acquiring) }
  func stop() { stopping.store(true, ordering: .releasing) }

  func count(_ change: (inout StressReport.Operations) -> Void) {
    operations.withLock { change(&$0) }
  }

  /// Records what is wrong and ends the run.
  func report(_ violation: String) {
    found.withLock { if $0.count < StressJournal.mostViolations { $0.append(violation) } }
    stop()
  }

  var counted: StressReport.Operations { operations.withLock { $0 } }
  var violations: [String] { found.withLock { $0 } }
}
