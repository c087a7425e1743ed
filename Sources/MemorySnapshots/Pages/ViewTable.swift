internal import SystemPackage
internal import Synchronization

/// One view's memory, as the fault path sees it.
///
/// Safe to share: see `ViewTable`.
struct ViewEntry: ~Copyable, @unchecked Sendable {
  var address: UInt = 0
  var epoch: UInt64 = 0
  /// How a page of the view gets its content. True: the mapping is private over the region's
  /// memory file; the fault path touches a page before its live twin is un-protected, and the
  /// kernel makes the copy. False: the mapping is anonymous and missing; its reader's page fault is
  /// answered with a copy.
  var isCopiedByKernel = true
  var isOpen = false
  /// The next of the numbers that were given back, 0 for none; as in `ViewTable.givenBack`.
  var nextFree: UInt32 = 0
  /// Versions whose content is a page of this view.
  let heldVersions = Atomic<Int>(0)
  /// Pages of memory that the view takes besides: they go when it is closed.
  let ownPages = Atomic<Int>(0)
}

/// The views of a region. Entries keep their number while a version's content lives in them, also
/// after the view was closed.
///
/// Few are copied by the kernel: each costs the fault path a copy of every page that is written to.
/// All others cost it nothing, however many they are.
///
/// The lists of open views and their entries change only while the gate is closed, so whoever passes the
/// gate reads them undisturbed; the rest belongs to the control lock, or is atomic.
struct ViewTable: ~Copyable, Sendable {
  static var capacity: Int { 65_535 }
  /// The most open views that the kernel copies pages for: one of the newest snapshot, and one to
  /// compare it with.
  static var mostCopiedByKernel: Int { 2 }

  private let memory: Mapping
  private let entries: FixedArray<ViewEntry>
  /// The open views by their addresses, ascending.
  private let openIndices: FixedArray<UInt32>
  private let copiedIndices: FixedArray<UInt32>
  private let openCount = Atomic<Int>(0)
  private let copiedCount = Atomic<Int>(0)
  /// Views that the kernel copies pages for, those that are being made included.
  private let copiedReservation = Atomic<Int>(0)
  /// Closed views that are still mapped, because versions live in them.
  private let retiredCount = Atomic<Int>(0)
  /// Entries ever used.
  private let usedCount = Atomic<Int>(0)
  /// Two chains of free entries, through `nextFree`: those to be used next, and those given back since.
  /// Each holds the number of its first entry plus one, or 0 if it is empty.
  private let firstFree = Atomic<UInt32>(0)
  private let givenBack = Atomic<UInt32>(0)

  init() throws(Errno) {
    let entryBytes = MemoryLayout<ViewEntry>.stride * ViewTable.capacity
    let indexBytes = MemoryLayout<UInt32>.stride * ViewTable.capacity
    memory = try Mapping(
      anonymous: entryBytes + indexBytes
        + MemoryLayout<UInt32>.stride * ViewTable.mostCopiedByKernel)
    entries = unsafe FixedArray(zeroed: memory.address, count: ViewTable.capacity)
    openIndices = unsafe FixedArray(
      zeroed: memory.address + UInt(entryBytes), count: ViewTable.capacity)
    copiedIndices = unsafe FixedArray(
      zeroed: memory.address + UInt(entryBytes + indexBytes), count: ViewTable.mostCopiedByKernel)
  }

  @_noLocks
  func entry(_ index: Int) -> Reference<ViewEntry> { entries.reference(index) }

  // MARK: - What the fault path asks, with the gate passed

  var count: Int {
    @_noLocks get { openCount.load(ordering: .relaxed) }
  }

  @_noLocks
  func openView(_ position: Int) -> Int { Int(openIndices[position]) }

  /// How many open views the kernel copies pages for.
  var countCopiedByKernel: Int {
    @_noLocks get { copiedCount.load(ordering: .relaxed) }
  }

  @_noLocks
  func viewCopiedByKernel(_ position: Int) -> Int { Int(copiedIndices[position]) }

  /// The open view in whose `byteCount` bytes an address lies.
  @_noLocks
  func openView(containing address: UInt, byteCount: Int) -> Int? {
    let position = position(after: address) - 1
    guard position >= 0 else { return nil }
    let index = openView(position)
    return address - entries[index].address < UInt(byteCount) ? index : nil
  }

  /// How many open views start at an address or before it.
  @_noLocks
  private func position(after address: UInt) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if entries[openView(middle)].address <= address {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /// Each mapping counts towards vm.max_map_count, 65,530 by default.
  private static var mostRetired: Int {
    @_noLocks get { 1024 }
  }

  /// Whether a view's private page may serve as a version. A closed view stays mapped as long as versions
  /// live in it, so not while there are many of those.
  var mayHoldVersions: Bool {
    @_noLocks get { retiredCount.load(ordering: .relaxed) < ViewTable.mostRetired }
  }

  func countRetired(_ change: Int) { retiredCount.add(change, ordering: .relaxed) }

  // MARK: - Opening and closing

  /// Asks for one of the few views that the kernel copies pages for, `most` at a time. True if it was
  /// granted: closing the view gives it back. Relaxed: a count that publishes nothing.
  func reserveKernelCopies(atMost most: Int) -> Bool {
    var seen = copiedReservation.load(ordering: .relaxed)
    while mayHoldVersions, seen < min(most, ViewTable.mostCopiedByKernel) {
      let (exchanged, original) = copiedReservation.compareExchange(
        expected: seen, desired: seen + 1, ordering: .relaxed)
      if exchanged { return true }
      seen = original
    }
    return false
  }

  func giveBackKernelCopies() { copiedReservation.subtract(1, ordering: .relaxed) }

  /// Adds an open view. Gate closed. `nil` if there are too many.
  ///
  /// - Complexity: O(open views): four bytes of each are moved.
  func open(address: UInt, epoch: UInt64, isCopiedByKernel: Bool) -> Int? {
    guard let index = takeNumber() else { return nil }
    entries[index] = ViewEntry(
      address: address, epoch: epoch, isCopiedByKernel: isCopiedByKernel, isOpen: true)
    let position = position(after: address)
    let open = count
    openIndices.move(position..<open, to: position + 1)
    openIndices[position] = UInt32(index)
    openCount.store(open + 1, ordering: .relaxed)
    if isCopiedByKernel {
      copiedIndices[countCopiedByKernel] = UInt32(index)
      copiedCount.add(1, ordering: .relaxed)
    }
    return index
  }

  private func takeNumber() -> Int? {
    var first = firstFree.load(ordering: .relaxed)
    // Acquiring: pairs with `giveBack`.
    if first == 0 { first = givenBack.exchange(0, ordering: .acquiring) }
    if first > 0 {
      firstFree.store(entries[Int(first) - 1].nextFree, ordering: .relaxed)
      return Int(first) - 1
    }
    let used = usedCount.load(ordering: .relaxed)
    guard used < ViewTable.capacity else { return nil }
    usedCount.store(used + 1, ordering: .relaxed)
    return used
  }

  /// Takes a view off the list of open ones. Gate closed.
  func close(_ index: Int) {
    let position = position(after: entries[index].address) - 1
    let open = count
    openIndices.move(position + 1..<open, to: position)
    openCount.store(open - 1, ordering: .relaxed)
    entries[index].isOpen = false
    guard entries[index].isCopiedByKernel else { return }
    let last = countCopiedByKernel - 1
    for position in 0..<last where viewCopiedByKernel(position) == index {
      copiedIndices[position] = copiedIndices[last]
    }
    copiedCount.store(last, ordering: .relaxed)
    giveBackKernelCopies()
  }

  /// Gives the number of a closed view back, after it was unmapped. From any thread, without a lock.
  func giveBack(_ index: Int) {
    var head = givenBack.load(ordering: .relaxed)
    while true {
      entries[index].nextFree = head
      // Releasing: whoever takes the number sees the chain.
      let (exchanged, original) = givenBack.compareExchange(
        expected: head, desired: UInt32(index) + 1, ordering: .releasing)
      if exchanged { return }
      head = original
    }
  }

  /// From the first byte of `range` and the open views to the last.
  func bounds(with range: Range<UInt>) -> Range<UInt> {
    guard count > 0 else { return range }
    let first = entries[openView(0)].address
    let last = entries[openView(count - 1)].address
    return min(first, range.lowerBound)..<max(last + UInt(range.count), range.upperBound)
  }
}

extension Reference where Value == ViewEntry {
  @_noLocks
  init(at pointer: UnsafeMutablePointer<ViewEntry>) { unsafe self.pointer = pointer }

  var value: ViewEntry {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
    @_noLocks nonmutating unsafeMutableAddress { unsafe pointer }
  }
}

extension FixedArray where Element == ViewEntry {
  subscript(index: Int) -> ViewEntry {
    @_noLocks unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
    @_noLocks nonmutating unsafeMutableAddress {
      assert(0 <= index && index < count)
      return unsafe start + index
    }
  }

  @_noLocks
  func reference(_ index: Int) -> Reference<ViewEntry> {
    assert(0 <= index && index < count)
    return unsafe Reference(at: start + index)
  }
}
