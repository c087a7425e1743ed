internal import Synchronization

/// One thread of a run, and how far it has come.
final class StressThread: Sendable {
  let name: String
  private let body: @Sendable (StressThread) throws -> Void
  private let beats = Atomic<Int>(0)
  private let ended = Atomic<Bool>(false)

  init(_ name: String, _ body: @escaping @Sendable (StressThread) throws -> Void) {
    self.name = name
    self.body = body
  }

  /// Says that the thread has come on. Relaxed: nothing else is told by it.
  func beat() { beats.add(1, ordering: .relaxed) }

  var beatCount: Int { beats.load(ordering: .relaxed) }
  /// Acquiring: what the thread did is seen by whoever sees that it has ended.
  var hasEnded: Bool { ended.load(ordering: .acquiring) }

  func run(_ journal: StressJournal) {
    do {
      try body(self)
    } catch {
      journal.report("\(name): unexpected error: \(error)")
    }
    ended.store(true, ordering: .releasing)
  }
}
