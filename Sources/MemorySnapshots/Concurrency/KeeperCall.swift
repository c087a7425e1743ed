/// By which any thread calls the keeper: a fault that finds no slot, a call that the kernel has refused.
/// A handle, as a `Futex` is.
///
/// One word: 1 from a call until the keeper takes it.
struct KeeperCall: Sendable {
  private let word = Futex()

  func deallocate() { word.deallocate() }

  @_noLocks
  func call() {
    if word.exchange(1) == 0 { word.wakeAll() }
  }

  /// Sleeps until there is a call, or the time is over; `nanoseconds` below zero: for ever. Keeper only.
  func wait(nanoseconds: Int64) {
    Kernel.endWork()
    word.wait(while: 0, nanoseconds: nanoseconds)
    Kernel.beginWork()
    _ = word.exchange(0)
  }
}
