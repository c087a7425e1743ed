/// Where threads wait for what another is about to finish: a page's claim, links that are being
/// changed. It mostly takes a few stores, but the other thread may be off its processor meanwhile; a
/// waiter of higher priority that merely yielded would keep it from ever going on.
///
/// Two words: how often somebody has finished while others slept, and how many sleep.
struct BriefWaiters: Sendable {
  private let changes: Futex
  private let sleepers: Futex

  init() {
    changes = Futex()
    sleepers = Futex()
  }

  /// On two words, both zero, of the caller's.
  @_noLocks
  init(_ words: (changes: Futex, sleepers: Futex)) {
    changes = words.changes
    sleepers = words.sleepers
  }

  func deallocate() {
    changes.deallocate()
    sleepers.deallocate()
  }

  /// Says that something is finished, after publishing that.
  ///
  /// A relaxed load where nobody sleeps: it may come before the publishing, and miss a waiter that has
  /// just looked. That one sleeps a millisecond at the most; a fence here would be paid by each fault.
  @_noLocks
  func wake() {
    guard sleepers.loadRelaxed() != 0 else { return }
    _ = changes.add(1)
    changes.wakeAll()
  }

  @_noLocks
  fileprivate func enter() { _ = sleepers.add(1) }

  @_noLocks
  fileprivate func leave() { _ = sleepers.subtract(1) }

  @_noLocks
  fileprivate func number() -> UInt32 { changes.load() }

  @_noLocks
  fileprivate func sleep(since noted: UInt32) {
    changes.wait(while: noted, nanoseconds: 1_000_000)
  }
}

/// One thread's wait: call `next()` after each look that finds the thing unfinished, and `end()` in the
/// end, which a `deinit` could not do where the compiler checks that nothing locks.
struct BriefWait {
  private let waiters: BriefWaiters
  private var turn = 0
  private var noted: UInt32 = 0

  /// How often to yield before sleeping: the other thread mostly runs, on another processor.
  private static var yields: Int {
    @_noLocks get { 16 }
  }

  @_noLocks
  init(_ waiters: BriefWaiters) { self.waiters = waiters }

  @_noLocks
  mutating func next() {
    if turn < BriefWait.yields {
      Kernel.yield()
    } else if turn == BriefWait.yields {
      // Counted, and the number noted, before the caller looks once more: what is finished after that
      // look changes the number, so that the sleep below ends at once.
      waiters.enter()
      noted = waiters.number()
    } else {
      waiters.sleep(since: noted)
      noted = waiters.number()
    }
    if turn <= BriefWait.yields { turn += 1 }
  }

  @_noLocks
  func end() {
    if turn > BriefWait.yields { waiters.leave() }
  }
}
