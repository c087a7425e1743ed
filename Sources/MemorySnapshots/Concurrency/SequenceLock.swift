internal import Synchronization

/// Lets readers that never wait notice that what they read was being changed: the kernel's seqcount. All
/// zeros are a fresh one. Changes come one at a time; the caller sees to that.
///
/// What is read under it is atomic, relaxed: the fences here order it.
struct SequenceLock: ~Copyable {
  /// Odd while something is being changed.
  private let number = Atomic<UInt64>(0)

  func beginChange() {
    number.add(1, ordering: .relaxed)
    // The odd number is seen before any change, or the change is not seen.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  func endChange() {
    // Releasing: whoever sees the even number sees what was changed.
    number.add(1, ordering: .releasing)
  }

  /// Begins to read. Returns what `isCurrent` asks for; odd while something is being changed.
  @_noLocks
  func beginReading() -> UInt64 {
    // Acquiring: what is guarded is read after the number.
    number.load(ordering: .acquiring)
  }

  /// True if nothing has changed since `beginReading` returned this number.
  @_noLocks
  func isCurrent(_ number: UInt64) -> Bool {
    // What is guarded was read before the number is read again.
    atomicMemoryFence(ordering: .acquiring)
    return number & 1 == 0 && self.number.load(ordering: .relaxed) == number
  }
}
