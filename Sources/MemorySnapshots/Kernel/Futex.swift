internal import Synchronization

/// A 32-bit atomic that threads can sleep on (futex(2)). A handle: whoever allocates it frees it.
///
/// The one word it points to lives as long as its owner, which outlives every thread that uses it.
struct Futex: Sendable {
  struct Bits: ~Copyable {
    fileprivate let bits = Atomic<UInt32>(0)
  }

  private let word: Reference<Bits>

  init() { word = Reference(Bits()) }

  /// A word in memory of the caller's, who does not call `deallocate()`.
  @_noLocks @unsafe
  init(at word: UnsafeMutablePointer<Bits>) { unsafe self.word = Reference(at: word) }

  func deallocate() { unsafe word.free() }

  @_noLocks
  func load() -> UInt32 {
    // Acquiring: pairs with the release in `exchange` and `add`.
    word.value.bits.load(ordering: .acquiring)
  }

  /// For a look that may miss what has just happened.
  @_noLocks
  func loadRelaxed() -> UInt32 { word.value.bits.load(ordering: .relaxed) }

  /// Sequentially consistent, because every user pairs it with a load of something else.
  @_noLocks
  func exchange(_ value: UInt32) -> UInt32 {
    word.value.bits.exchange(value, ordering: .sequentiallyConsistent)
  }

  @_noLocks
  func compareExchange(_ expected: UInt32, _ desired: UInt32) -> Bool {
    word.value.bits.compareExchange(
      expected: expected, desired: desired, ordering: .sequentiallyConsistent
    ).exchanged
  }

  @_noLocks
  func add(_ value: UInt32) -> UInt32 {
    word.value.bits.wrappingAdd(value, ordering: .sequentiallyConsistent).newValue
  }

  @_noLocks
  func subtract(_ value: UInt32) -> UInt32 {
    word.value.bits.wrappingSubtract(value, ordering: .sequentiallyConsistent).newValue
  }

  @_noLocks
  func union(_ bits: UInt32) -> UInt32 {
    word.value.bits.bitwiseOr(bits, ordering: .sequentiallyConsistent).oldValue
  }

  /// Sleeps while the word is `expected`; may return early. `nanoseconds` below zero: for ever.
  @_noLocks
  func wait(while expected: UInt32, nanoseconds: Int64 = -1) {
    unsafe Kernel.futexWait(word.pointer, expected, nanoseconds)
  }

  @_noLocks
  func wakeAll() { unsafe Kernel.futexWake(word.pointer) }
}

extension Reference where Value == Futex.Bits {
  @_noLocks
  init(at pointer: UnsafeMutablePointer<Futex.Bits>) { unsafe self.pointer = pointer }

  var value: Futex.Bits {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}
