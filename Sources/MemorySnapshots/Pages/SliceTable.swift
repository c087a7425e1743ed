internal import Synchronization

/// A region's slices of 64 MiB: the unit in which protection is installed and lifted, so that no
/// single ioctl holds the kernel's mmap lock for long.
///
/// A slice that is not *armed* has no protected page, whatever the pages' words say. None is armed
/// before the first snapshot, nor again once the last has gone, if the region does not track changes
/// when idle.
///
/// They change under the region's control lock.
struct SliceTable: ~Copyable, Sendable {
  static var bytes: Int { 64 << 20 }

  let count: Int
  let pagesPerSlice: Int
  private let words: FixedArray<Word>
  private let disarmedCount: Atomic<Int>

  /// Bits of a slice's word; the last epoch in which it was not armed is below them.
  private static var disarmed: UInt64 { 1 << 63 }
  private static var neverArmed: UInt64 { 1 << 62 }

  init(pageCount: Int, pageSize: Int) {
    pagesPerSlice = SliceTable.bytes / pageSize
    count = (pageCount + pagesPerSlice - 1) / pagesPerSlice
    words = FixedArray(count: count) { Word(SliceTable.disarmed | SliceTable.neverArmed) }
    disarmedCount = Atomic(count)
  }

  deinit { unsafe words.free() }

  var areAllArmed: Bool { disarmedCount.load(ordering: .relaxed) == 0 }

  @_noLocks
  func isArmed(slice: Int) -> Bool {
    // Acquiring: pairs with `disarm(slice:)`.
    words[slice].bits.load(ordering: .acquiring) & SliceTable.disarmed == 0
  }

  @_noLocks
  func isArmed(page: Int) -> Bool { isArmed(slice: page / pagesPerSlice) }

  /// The epoch in which pages of the slice may have been written to without a fault, 0 for none.
  func untrackedEpoch(slice: Int, now epoch: UInt64) -> UInt64 {
    let word = words[slice].bits.load(ordering: .acquiring)
    if word & SliceTable.neverArmed != 0 { return 0 }
    return word & SliceTable.disarmed != 0 ? epoch : word
  }

  /// The same for an armed slice.
  @_noLocks
  func untrackedEpoch(ofArmedSliceWithPage page: Int) -> UInt64 {
    words[page / pagesPerSlice].bits.load(ordering: .relaxed)
      & ~(SliceTable.disarmed | SliceTable.neverArmed)
  }

  func disarm(slice: Int) {
    let word = words[slice].bits.load(ordering: .relaxed)
    words[slice].bits.store(word | SliceTable.disarmed, ordering: .releasing)
    disarmedCount.add(1, ordering: .relaxed)
  }

  /// Marks a slice as armed; `epoch` is the last in which it was not.
  func arm(slice: Int, epoch: UInt64) {
    let word = words[slice].bits.load(ordering: .relaxed)
    let untracked = word & SliceTable.neverArmed != 0 ? 0 : epoch
    words[slice].bits.store(untracked, ordering: .releasing)
    disarmedCount.subtract(1, ordering: .relaxed)
  }
}
