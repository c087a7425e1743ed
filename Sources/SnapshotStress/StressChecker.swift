internal import Foundation
internal import MemorySnapshots

extension StressArena {
  /// A thread that compares what the region believes with what the kernel says, again and again: seldom
  /// enough to leave the others' timing to them.
  func makeChecker(_ journal: StressJournal) -> StressThread {
    StressThread("checker") { thread in
      while !journal.isStopping {
        thread.beat()
        do {
          try region.checkConsistency()
        } catch let error as SnapshotError
          where error.code == .protectionLost || error.code == .inconsistent
        {
          journal.report("\(name), seed \(seed): \(error)")
        }
        journal.count { $0.consistencyChecks += 1 }
        usleep(5000)
      }
    }
  }
}
