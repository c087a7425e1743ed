/// A mutual-exclusion lock on a futex, with what it guards.
///
/// `Synchronization.Mutex` remembers the thread's number, which is another one after fork(2): a
/// child that used the library would be stopped by it.
///
/// Safe to share: the value is reached with the lock held alone.
struct FutexLock<Value>: ~Copyable, @unchecked Sendable {
  private let mutex = FutexMutex(Futex())
  private let value: Reference<Value>

  init(_ value: consuming sending Value) {
    self.value = Reference(value)
  }

  deinit {
    unsafe value.free()
    mutex.deallocate()
  }

  func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    mutex.lock()
    defer { mutex.unlock() }
    return try body(&value.value)
  }

  /// The same if nobody holds the lock; else `nil` at once.
  func withLockIfAvailable<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard mutex.tryLock() else { return nil }
    defer { mutex.unlock() }
    return try body(&value.value)
  }
}

/// The lock by itself, on a word of the caller's. Whoever waits sleeps, from the start: a waiter of
/// real-time priority leaves the processor to the holder.
struct FutexMutex: Sendable {
  private let state: Futex

  private static var free: UInt32 { 0 }
  private static var held: UInt32 { 1 }
  /// Held, and somebody sleeps.
  private static var contended: UInt32 { 2 }

  init(_ word: Futex) { state = word }

  func deallocate() { state.deallocate() }

  func lock() {
    guard !tryLock() else { return }
    while state.exchange(Self.contended) != Self.free { state.wait(while: Self.contended) }
  }

  func tryLock() -> Bool { state.compareExchange(Self.free, Self.held) }

  func unlock() {
    if state.exchange(Self.free) == Self.contended { state.wakeAll() }
  }
}
