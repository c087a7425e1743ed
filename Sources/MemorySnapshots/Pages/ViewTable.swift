internal import SystemPackage
internal import Synchronization

/// One view's memory, as the fault path sees it.
struct ViewEntry: ~Copyable {
  var address: UInt = 0
  var epoch: UInt64 = 0
  /// How a page of the view gets its content. True: the mapping is private over the region's
  /// memory file; the fault path touches a page before its live twin is un-protected, and the
  /// kernel makes the copy. False: the mapping is anonymous and missing; its reader's page fault is
  /// answered with a copy.
  var isCopiedByKernel = true
  var isOpen = false
  /// Where the list of open views names this one.
  var position = 0
  /// Versions whose content is a page of this view.
  let heldVersions = Atomic<Int>(0)
}

/// The views of a region. Entries keep their number while a version's content lives in them, also
/// after the view was closed.
///
/// Safe to share: the list of open views and its entries change only while the gate is closed, so
/// whoever passes the gate reads them undisturbed; the rest belongs to the control lock.
@safe
struct ViewTable: ~Copyable, @unchecked Sendable {
  static var capacity: Int { 65_535 }

  private let memory: Mapping
  private let entries: UnsafeMutablePointer<ViewEntry>
  private let openIndices: UnsafeMutablePointer<UInt32>
  private let freeIndices: UnsafeMutablePointer<UInt32>
  private let openCount = Atomic<Int>(0)
  /// Closed views that are still mapped, because versions live in them.
  private let retiredCount = Atomic<Int>(0)
  /// Entries ever used, and the number of those that are free again.
  private let usedCount = Atomic<Int>(0)
  private let freeCount = Atomic<Int>(0)

  init() throws(Errno) {
    let entryBytes = MemoryLayout<ViewEntry>.stride * ViewTable.capacity
    let indexBytes = MemoryLayout<UInt32>.stride * ViewTable.capacity
    memory = try Mapping(anonymous: entryBytes + 2 * indexBytes)
    // Never zero: a mapping has an address.
    let start = unsafe UnsafeMutableRawPointer(bitPattern: memory.address).unsafelyUnwrapped
    unsafe entries = start.assumingMemoryBound(to: ViewEntry.self)
    unsafe openIndices = (start + entryBytes).assumingMemoryBound(to: UInt32.self)
    unsafe freeIndices = (start + entryBytes + indexBytes).assumingMemoryBound(to: UInt32.self)
  }

  var count: Int {
    @_noLocks get { openCount.load(ordering: .relaxed) }
  }

  @_noLocks
  func openView(_ position: Int) -> Int { Int(unsafe openIndices[position]) }

  @_noLocks
  func entry(_ index: Int) -> UnsafeMutablePointer<ViewEntry> { unsafe entries + index }

  /// Each mapping counts towards vm.max_map_count, 65,530 by default.
  private static var mostRetired: Int {
    @_noLocks get { 1024 }
  }

  /// Whether versions may live in views: not while many closed ones are mapped for the sake of those
  /// that do.
  var mayHoldVersions: Bool {
    @_noLocks get { retiredCount.load(ordering: .relaxed) < ViewTable.mostRetired }
  }

  func countRetired(_ change: Int) { retiredCount.add(change, ordering: .relaxed) }

  /// Adds an open view. Gate closed. `nil` if there are too many.
  func open(address: UInt, epoch: UInt64, isCopiedByKernel: Bool) -> Int? {
    let index: Int
    let free = freeCount.load(ordering: .relaxed)
    let used = usedCount.load(ordering: .relaxed)
    if free > 0 {
      index = Int(unsafe freeIndices[free - 1])
      freeCount.store(free - 1, ordering: .relaxed)
    } else if used < ViewTable.capacity {
      index = used
      usedCount.store(used + 1, ordering: .relaxed)
    } else {
      return nil
    }
    unsafe (entries + index).initialize(
      to: ViewEntry(
        address: address, epoch: epoch, isCopiedByKernel: isCopiedByKernel, isOpen: true))
    let position = openCount.load(ordering: .relaxed)
    unsafe openIndices[position] = UInt32(index)
    unsafe entries[index].position = position
    openCount.store(position + 1, ordering: .relaxed)
    return index
  }

  /// Takes a view off the list of open ones. Gate closed.
  func close(_ index: Int) {
    let last = openCount.load(ordering: .relaxed) - 1
    let position = unsafe entries[index].position
    unsafe openIndices[position] = openIndices[last]
    unsafe entries[Int(openIndices[position])].position = position
    openCount.store(last, ordering: .relaxed)
    unsafe entries[index].isOpen = false
  }

  /// Gives the number of a closed view without held versions back. Control lock held.
  func free(_ index: Int) {
    let free = freeCount.load(ordering: .relaxed)
    unsafe freeIndices[free] = UInt32(index)
    freeCount.store(free + 1, ordering: .relaxed)
  }
}
