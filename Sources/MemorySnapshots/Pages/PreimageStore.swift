internal import SystemPackage

/// The pre-images of all regions of a handler, and the records that describe them.
struct PreimageStore: ~Copyable, Sendable {
  private static var pageChunkBytes: Int { 2 << 20 }
  private static var recordChunkBytes: Int { 256 << 10 }

  let pages: SlotPool
  private let records: SlotPool
  /// Calls whoever populates it ahead of need.
  let keeper = KeeperCall()

  /// How many pages the keeper has ready at the least.
  var reservePages: Int {
    @_noLocks get { pages.slotsPerChunk }
  }

  private var reserveRecords: Int {
    @_noLocks get { records.slotsPerChunk / 4 }
  }

  /// A pool rounds its capacity up to whole segments, and versions are numbered from 1 on: a margin keeps
  /// their numbers within a page's word.
  private static var mostRecords: Int { PageWord.maximumVersion - (1 << 20) }

  static func allocate() throws(Errno) -> Reference<PreimageStore> {
    // As many pre-images as memory and as much swap could hold; the bound costs a bit each.
    let capacity = min(Kernel.physicalPages * 2, mostRecords)
    let pages = try SlotPool(
      stride: Kernel.pageSize, chunkBytes: max(pageChunkBytes, 64 * Kernel.pageSize),
      capacity: capacity, usesHugePages: true)
    let records = try SlotPool(
      // Pages that were all zeros need a record and no slot.
      stride: MemoryLayout<VersionRecord>.stride, chunkBytes: recordChunkBytes,
      capacity: mostRecords, usesHugePages: false)
    return Reference(PreimageStore(pages: pages, records: records))
  }

  private init(pages: consuming SlotPool, records: consuming SlotPool) {
    self.pages = pages
    self.records = records
  }

  deinit { keeper.deallocate() }

  // MARK: - Pre-images

  @_noLocks
  func allocatePages(upTo count: Int) -> SlotSet {
    let slots = pages.allocate(upTo: count)
    if pages.freeSlots < reservePages { keeper.call() }
    return slots
  }

  @_noLocks
  func deallocatePage(_ slot: UInt32) { pages.deallocate(slot) }

  // MARK: - Records

  /// Records are numbered by their slots, from 1 on: 0 means "none" in every link.
  @_noLocks
  func allocateRecords(upTo count: Int) -> SlotSet {
    let slots = records.allocate(upTo: count)
    if records.freeSlots < reserveRecords { keeper.call() }
    return slots
  }

  @_noLocks
  func deallocateRecords(_ slots: SlotSet) { records.deallocate(slots) }

  @_noLocks
  func deallocateRecord(_ number: UInt32) { records.deallocate(number - 1) }

  @_noLocks
  func record(_ number: UInt32) -> Reference<VersionRecord> {
    // The number was allocated, so its segment is mapped, and holds nothing but records.
    unsafe Reference(address: records.address(of: number &- 1))
  }

  func prefetchRecord(_ number: UInt32) { Kernel.prefetch(records.address(of: number &- 1)) }

  // MARK: - The keeper's side

  /// Populates what the reserve lacks. False if the system has no more memory, or `mayTake`, asked for
  /// each chunk, says so: what it can find out cannot be left to the kernel, which would kill.
  func refill(reservePages reserve: Int, mayTake: (_ byteCount: Int) -> Bool) -> Bool {
    do {
      while pages.freeSlots < reserve {
        guard mayTake(pages.chunkBytes) else { return false }
        try pages.grow()
      }
      while records.freeSlots < max(reserveRecords, reserve) {
        guard mayTake(records.chunkBytes) else { return false }
        try records.grow()
      }
      return true
    } catch {
      return false
    }
  }

  /// Hands back what no pre-image has needed lately.
  func shrink(toFreePages reserve: Int) {
    pages.shrink(toFreeSlots: reserve)
    records.shrink(toFreeSlots: max(reserveRecords * 2, reserve))
  }

  var hasFreeSlots: Bool { pages.freeSlots > 0 && records.freeSlots > 0 }

  var populatedBytes: Int { pages.populatedBytes + records.populatedBytes }
}

extension Reference where Value == PreimageStore {
  var value: PreimageStore {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}
