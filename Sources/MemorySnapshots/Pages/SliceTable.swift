internal import Synchronization

/// A region's slices of 64 MiB: the unit in which protection is installed and lifted, so that no
/// single ioctl holds the kernel's mmap lock for long.
///
/// An *open* slice is not armed: none of its pages is protected, whatever their words say. All are
/// open until the first snapshot, and again once the last has gone, if the region does not track
/// changes when idle.
/// They change under the region's control lock.
struct SliceTable: ~Copyable, Sendable {
  static var bytes: Int { 64 << 20 }

  let count: Int
  let pagesPerSlice: Int
  private let words: FixedArray<Word>
  private let openCount: Atomic<Int>

  private static var open: UInt64 { 1 << 63 }
  private static var neverArmed: UInt64 { 1 << 62 }

  init(pageCount: Int, pageSize: Int) {
    pagesPerSlice = SliceTable.bytes / pageSize
    count = (pageCount + pagesPerSlice - 1) / pagesPerSlice
    words = FixedArray(count: count) { Word(SliceTable.open | SliceTable.neverArmed) }
    openCount = Atomic(count)
  }

  deinit { unsafe words.free() }

  var allClosed: Bool { openCount.load(ordering: .relaxed) == 0 }

  @_noLocks
  func isOpen(slice: Int) -> Bool {
    // Acquiring: pairs with `open(slice:)`.
    words[slice].bits.load(ordering: .acquiring) & SliceTable.open != 0
  }

  @_noLocks
  func isOpen(page: Int) -> Bool { isOpen(slice: page / pagesPerSlice) }

  /// The epoch in which pages of the slice may have been written to without a fault, 0 for none.
  func untrackedEpoch(slice: Int, now epoch: UInt64) -> UInt64 {
    let word = words[slice].bits.load(ordering: .acquiring)
    if word & SliceTable.neverArmed != 0 { return 0 }
    return word & SliceTable.open != 0 ? epoch : word
  }

  @_noLocks
  func untrackedEpoch(ofClosedSliceWithPage page: Int) -> UInt64 {
    words[page / pagesPerSlice].bits.load(ordering: .relaxed)
      & ~(SliceTable.open | SliceTable.neverArmed)
  }

  func open(slice: Int) {
    let word = words[slice].bits.load(ordering: .relaxed)
    words[slice].bits.store(word | SliceTable.open, ordering: .releasing)
    openCount.add(1, ordering: .relaxed)
  }

  /// Marks a slice as armed; `epoch` is the last in which it was open.
  func close(slice: Int, epoch: UInt64) {
    let word = words[slice].bits.load(ordering: .relaxed)
    let untracked = word & SliceTable.neverArmed != 0 ? 0 : epoch
    words[slice].bits.store(untracked, ordering: .releasing)
    openCount.subtract(1, ordering: .relaxed)
  }
}
