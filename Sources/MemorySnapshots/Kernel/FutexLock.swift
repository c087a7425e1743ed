/// A mutual-exclusion lock on a futex, with what it guards.
///
/// `Synchronization.Mutex` remembers the thread's number, which is another one after fork(2): a
/// child that used the library would be stopped by it.
///
/// Safe to share: the value is reached with the lock held alone.
@safe
struct FutexLock<Value>: ~Copyable, @unchecked Sendable {
  private let state = Futex()
  private let value: UnsafeMutablePointer<Value>

  private static var free: UInt32 { 0 }
  private static var held: UInt32 { 1 }
  /// Held, and somebody sleeps.
  private static var contended: UInt32 { 2 }

  init(_ value: consuming sending Value) {
    unsafe self.value = .allocate(capacity: 1)
    unsafe self.value.initialize(to: value)
  }

  deinit {
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
    state.deallocate()
  }

  func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if !state.compareExchange(Self.free, Self.held) {
      while state.exchange(Self.contended) != Self.free { state.wait(while: Self.contended) }
    }
    defer { unlock() }
    return try unsafe body(&value.pointee)
  }

  /// The same if nobody holds the lock; else `nil` at once.
  func withLockIfAvailable<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard state.compareExchange(Self.free, Self.held) else { return nil }
    defer { unlock() }
    return try unsafe body(&value.pointee)
  }

  private func unlock() {
    if state.exchange(Self.free) == Self.contended { state.wakeAll() }
  }
}
