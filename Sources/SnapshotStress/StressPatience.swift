internal import Foundation

/// Keeps a region's snapshots apart until all its writers have come on since the last. A snapshot
/// wakes writers as it is taken, and would wake one that somebody has forgotten, too.
struct StressPatience {
  private let writers: [StressThread]
  private var beats: [Int]

  /// With no writers, there is nothing to wait for.
  init(with writers: [StressThread]) {
    self.writers = writers
    beats = writers.map(\.beatCount)
  }

  /// Waits, unless there is a reason not to.
  mutating func wait(_ thread: StressThread, unless isHopeless: () -> Bool) {
    while zip(writers, beats).contains(where: { $0.beatCount == $1 && !$0.hasEnded }),
      !isHopeless()
    {
      thread.beat()
      sched_yield()
    }
    beats = writers.map(\.beatCount)
  }
}
