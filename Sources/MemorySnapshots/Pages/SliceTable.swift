internal import Synchronization

/// A region's slices of 64 MiB: the unit in which protection is installed and lifted, so that no
/// single ioctl holds the kernel's mmap lock for long.
///
/// An *open* slice is not armed: none of its pages is protected, whatever their words say. All are
/// open until the first snapshot, and again once the last has gone, if the region does not track
/// changes when idle.
///
/// Safe to share: the words are atomic; they change under the region's control lock.
@safe
struct SliceTable: ~Copyable, @unchecked Sendable {
  static var bytes: Int { 64 << 20 }

  let count: Int
  let pagesPerSlice: Int
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let openCount: Atomic<Int>

  private static var open: UInt64 { 1 << 63 }
  private static var neverArmed: UInt64 { 1 << 62 }

  init(pageCount: Int, pageSize: Int) {
    pagesPerSlice = SliceTable.bytes / pageSize
    count = (pageCount + pagesPerSlice - 1) / pagesPerSlice
    unsafe words = .allocate(capacity: count)
    for index in 0..<count {
      unsafe (words + index).initialize(to: Atomic(SliceTable.open | SliceTable.neverArmed))
    }
    openCount = Atomic(count)
  }

  deinit { unsafe words.deallocate() }

  var allClosed: Bool { openCount.load(ordering: .relaxed) == 0 }

  @_noLocks
  func isOpen(slice: Int) -> Bool {
    // Acquiring: pairs with `open(slice:)`.
    unsafe words[slice].load(ordering: .acquiring) & SliceTable.open != 0
  }

  @_noLocks
  func isOpen(page: Int) -> Bool { isOpen(slice: page / pagesPerSlice) }

  /// The epoch in which pages of the slice may have been written to without a fault, 0 for none.
  func untrackedEpoch(slice: Int, now epoch: UInt64) -> UInt64 {
    let word = unsafe words[slice].load(ordering: .acquiring)
    if word & SliceTable.neverArmed != 0 { return 0 }
    return word & SliceTable.open != 0 ? epoch : word
  }

  @_noLocks
  func untrackedEpoch(ofClosedSliceWithPage page: Int) -> UInt64 {
    unsafe words[page / pagesPerSlice].load(ordering: .relaxed)
      & ~(SliceTable.open | SliceTable.neverArmed)
  }

  func open(slice: Int) {
    let word = unsafe words[slice].load(ordering: .relaxed)
    unsafe words[slice].store(word | SliceTable.open, ordering: .releasing)
    openCount.add(1, ordering: .relaxed)
  }

  /// Marks a slice as armed; `epoch` is the last in which it was open.
  func close(slice: Int, epoch: UInt64) {
    let word = unsafe words[slice].load(ordering: .relaxed)
    let untracked = word & SliceTable.neverArmed != 0 ? 0 : epoch
    unsafe words[slice].store(untracked, ordering: .releasing)
    openCount.subtract(1, ordering: .relaxed)
  }
}
