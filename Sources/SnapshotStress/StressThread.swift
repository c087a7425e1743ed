internal import CUserfault
internal import Foundation
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

  private let isRealTime = Atomic<Bool>(false)

  var isWriter: Bool { name.hasPrefix("writer") }

  /// Called by the thread itself.
  func becomeRealTime() {
    isRealTime.store(cuserfault_become_real_time() == 0, ordering: .relaxed)
  }

  /// Lets others have the processor: one that only yielded would keep it from ordinary threads if it
  /// is a real-time one.
  func rest() {
    if isRealTime.load(ordering: .relaxed) {
      usleep(200)
    } else {
      sched_yield()
    }
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
