internal import Synchronization

/// A 32-bit atomic that threads can sleep on (futex(2)). A handle: whoever allocates it frees it.
///
/// Safe to share: the one word it points to is only touched atomically, and lives as long as its
/// owner, which outlives every thread that uses it.
@safe
struct Futex: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: Atomic(0))
  }

  /// A word in memory of the caller's, who does not call `deallocate()`.
  @_noLocks
  init(at word: UnsafeMutablePointer<Atomic<UInt32>>) { unsafe self.word = word }

  func deallocate() {
    unsafe word.deinitialize(count: 1)
    unsafe word.deallocate()
  }

  @_noLocks
  func load() -> UInt32 {
    // Acquiring: pairs with the release in `exchange` and `add`.
    unsafe word.pointee.load(ordering: .acquiring)
  }

  /// For a look that may miss what has just happened.
  @_noLocks
  func loadRelaxed() -> UInt32 { unsafe word.pointee.load(ordering: .relaxed) }

  /// Sequentially consistent, because every user pairs it with a load of something else.
  @_noLocks
  func exchange(_ value: UInt32) -> UInt32 {
    unsafe word.pointee.exchange(value, ordering: .sequentiallyConsistent)
  }

  @_noLocks
  func compareExchange(_ expected: UInt32, _ desired: UInt32) -> Bool {
    unsafe word.pointee.compareExchange(
      expected: expected, desired: desired, ordering: .sequentiallyConsistent
    ).exchanged
  }

  @_noLocks
  func add(_ value: UInt32) -> UInt32 {
    unsafe word.pointee.wrappingAdd(value, ordering: .sequentiallyConsistent).newValue
  }

  @_noLocks
  func subtract(_ value: UInt32) -> UInt32 {
    unsafe word.pointee.wrappingSubtract(value, ordering: .sequentiallyConsistent).newValue
  }

  @_noLocks
  func union(_ bits: UInt32) -> UInt32 {
    unsafe word.pointee.bitwiseOr(bits, ordering: .sequentiallyConsistent).oldValue
  }

  /// Sleeps while the word is `expected`; may return early. `nanoseconds` below zero: for ever.
  @_noLocks
  func wait(while expected: UInt32, nanoseconds: Int64 = -1) {
    unsafe Kernel.futexWait(word, expected, nanoseconds)
  }

  @_noLocks
  func wakeAll() {
    unsafe Kernel.futexWake(word)
  }
}
