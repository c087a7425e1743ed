internal import Synchronization

/// The lock of a region's own operations: taking, releasing and invalidating snapshots, opening
/// and closing views.
///
/// The fault path never takes it. Even so, a fault may wait for its holder, by way of the keeper
/// that frees slots; so whoever holds it neither allocates, nor touches the region or memory of
/// the application, nor takes another lock, and its signals are blocked.
struct ControlLock: ~Copyable, Sendable {
  private let snapshots = FutexLock(LiveSnapshots())
  /// Threads that sleep until the lock is free.
  private let waiting = Atomic<Int>(0)
  /// How often such a thread has got it.
  private let passages = Futex()

  deinit { passages.deallocate() }

  func withLock<Result, Failure: Error>(
    _ body: (inout LiveSnapshots) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    if let result = try snapshots.withLockIfAvailable(body) { return result }
    // Sequentially consistent: see `letOthersPass`.
    waiting.add(1, ordering: .sequentiallyConsistent)
    return try snapshots.withLock { snapshots throws(Failure) in
      waiting.subtract(1, ordering: .sequentiallyConsistent)
      _ = passages.add(1)
      passages.wakeAll()
      return try body(&snapshots)
    }
  }

  /// Lets one of the threads that wait have the lock, if there are any. For whoever takes the lock
  /// again and again: it is awake, and would have the lock back before they are.
  func letOthersPass() {
    let seen = passages.load()
    // The number was read before: a thread that is still counted here raises it afterwards.
    if waiting.load(ordering: .sequentiallyConsistent) > 0 { passages.wait(while: seen) }
  }

  /// How many threads sleep until the lock is free.
  var waitingThreads: Int { waiting.load(ordering: .relaxed) }

  /// The same if nobody holds the lock: for the keeper, whom a long snapshot of one region must not
  /// keep from the others. Its signals are always blocked.
  func withLockIfAvailable<Result>(_ body: (inout LiveSnapshots) -> Result) -> Result? {
    snapshots.withLockIfAvailable(body)
  }
}
