internal import Synchronization
internal import SystemPackage

/// Everything about a region that the fault path and the region's own operations share, in memory
/// without reference counts. Allocated with the region; freed after its handler has let go of it.
@safe
struct RegionState: ~Copyable {
  let address: UInt
  let pageSize: Int
  let pageCount: Int
  let isShared: Bool
  /// Whether the memory is the application's own mapping, of which any page may become unreadable at any
  /// time.
  let isAdopted: Bool
  /// The userfaultfd descriptor that the region is registered with.
  let descriptor: Int32
  private let descriptorIdentity: Kernel.FileIdentity
  /// A registered page of the descriptor's own: see `hasLostProtection`.
  let canary: UInt
  /// Whether protection has to be preceded by populating (Linux before 6.4, private memory).
  let populatesBeforeProtecting: Bool
  /// Whether faults are resolved in the faulting thread, by SIGBUS.
  let resolvesInline: Bool
  let tracksChangesWhenIdle: Bool
  let blocksWritersWhenFull: Bool
  let store: UnsafeMutablePointer<PreimageStore>

  let table: PageTable
  let slices: SliceTable
  let views: ViewTable
  let gate = Gate()
  let preservesAhead: Bool
  let streams = WriteStreams()
  let hotPages: HotPages
  let merging: MergeWatch
  let counters = RegionCounters()
  let control = ControlLock()

  /// Number of the newest snapshot. Changes only while the gate is closed.
  let epoch = Atomic<UInt64>(0)
  /// Epoch of the newest snapshot that lives, 0 for none. Changes only while the gate is closed.
  let newestLiveEpoch = Atomic<UInt64>(0)
  /// The versions made since the newest live snapshot: a stack that resolvers push to, taken by
  /// the control side while the gate is closed.
  let newestVersion = Atomic<UInt32>(0)
  let firstNewVersion = Atomic<UInt32>(0)
  let newVersionCount = Atomic<Int>(0)
  /// Odd while versions are being unlinked: whoever walked the links meanwhile walks again.
  let unlinkSequence = Atomic<UInt64>(0)
  /// Pre-images kept, in pages, each with all its copies in views that the kernel copies pages for; and
  /// the most that may be.
  let preservedPages = Atomic<Int>(0)
  /// Pages that readers have brought into views which are filled as they are read.
  let residentViewPages = Atomic<Int>(0)
  let pageLimit: Int
  /// Whether a fault was put aside for want of a slot.
  let isStarved = Atomic<Bool>(false)
  /// Room was made in the store, or the need for it went away.
  let relief = Occasion()

  /// Whether pre-images may exceed the limit: all live snapshots have open views, which must not
  /// break, or are being restored.
  let limitIsLifted = Atomic<Bool>(false)
  /// Whether a fault was put aside because of the limit, not for want of a free slot.
  let limitIsHit = Atomic<Bool>(false)
  /// Whether writes have been going unseen since the descriptor was closed, or the protection was
  /// given up.
  let isUnguarded = Atomic<Bool>(false)
  /// How often in a row the kernel has refused to un-protect pages, and whether the keeper is to give
  /// the protection up for it.
  let refusedUnprotects = Atomic<Int>(0)
  let isUnprotectable = Atomic<Bool>(false)
  /// Whether the kernel has refused to wake threads, which the keeper is to do then.
  let owesWake = Atomic<Bool>(false)
  /// Threads that wait for a page's claim, or for links between versions that are being changed.
  let briefWaiters = BriefWaiters()
  /// Whether a test breaks the region on purpose.
  let isExemptFromAudit = Atomic<Bool>(false)
  /// How many threads resolve faults of theirs at present.
  let inlineResolvers = Atomic<Int>(0)
  /// Whether the last snapshot has gone and the keeper is to lift the protection.
  let wantsDisarming = Atomic<Bool>(false)
  /// Whether the keeper has begun to let a snapshot go, and is to go on.
  let keeperDeparts = Atomic<Bool>(false)

  /// Neighbours in the handler's list of regions. Under the handler's registry lock.
  var nextRegion: UnsafeMutablePointer<RegionState>?
  var previousRegion: UnsafeMutablePointer<RegionState>?

  /// Allocates the state: a throwing initialiser cannot undo what it has half made.
  static func allocate(
    _ memory: borrowing RegionMemory, _ options: MemoryRegion.Options,
    _ userfault: borrowing Userfaultfd, canProtectUnpopulated: Bool,
    store: UnsafeMutablePointer<PreimageStore>
  ) throws(Errno) -> UnsafeMutablePointer<RegionState> {
    let table = try PageTable(pageCount: memory.byteCount / Kernel.pageSize)
    let views = try ViewTable()
    let state = UnsafeMutablePointer<RegionState>.allocate(capacity: 1)
    unsafe state.initialize(
      to: RegionState(
        memory, options, userfault, canProtectUnpopulated: canProtectUnpopulated, store: store,
        table: table, views: views))
    return unsafe state
  }

  private init(
    _ memory: borrowing RegionMemory, _ options: MemoryRegion.Options,
    _ userfault: borrowing Userfaultfd, canProtectUnpopulated: Bool,
    store: UnsafeMutablePointer<PreimageStore>,
    table: consuming PageTable, views: consuming ViewTable
  ) {
    address = memory.address
    pageSize = Kernel.pageSize
    pageCount = table.pageCount
    isShared = memory.isShared
    isAdopted = !memory.isOwned
    descriptor = userfault.descriptor.rawValue
    descriptorIdentity = userfault.descriptor.identity
    canary = userfault.canaryAddress
    populatesBeforeProtecting = !memory.isShared && !canProtectUnpopulated
    resolvesInline = options.faultDelivery == .inline
    tracksChangesWhenIdle = options.tracksChangesWhenIdle
    blocksWritersWhenFull = options.whenStoreIsFull == .blockWriters
    pageLimit = options.storeLimit.map { $0 / Kernel.pageSize } ?? .max
    unsafe self.store = store
    slices = SliceTable(pageCount: table.pageCount, pageSize: Kernel.pageSize)
    preservesAhead = options.preservesAhead
    hotPages = HotPages(
      isEnabled: options.preservesHotPages, budget: min(table.pageCount / 4, pageLimit / 2))
    merging = MergeWatch(isExposed: !memory.isShared && Kernel.hasMerging)
    self.table = table
    self.views = views
  }

  deinit {
    gate.deallocate()
    relief.deallocate()
    briefWaiters.deallocate()
  }

  var byteCount: Int {
    @_noLocks get { pageCount * pageSize }
  }

  @_noLocks
  func address(ofPage page: Int) -> UInt { address + UInt(page * pageSize) }

  @_noLocks
  func contains(_ address: UInt) -> Bool {
    address >= self.address && address - self.address < UInt(byteCount)
  }

  /// Whether the descriptor's number still is the region's userfaultfd and not, closed and used again,
  /// another file. Before Linux 5.12, one userfaultfd is not told from another.
  ///
  /// - Complexity: O(1): fstat(2).
  var hasDescriptor: Bool {
    @_noLocks get { Kernel.fileIdentity(descriptor) == descriptorIdentity }
  }
}
