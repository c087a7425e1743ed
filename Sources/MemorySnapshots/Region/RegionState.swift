internal import Synchronization
internal import SystemPackage

/// Everything about a region that the fault path and the region's own operations share, in memory
/// without reference counts: the parts, each with what it guards. Allocated with the region; freed after
/// its handler has let go of it.
struct RegionState: ~Copyable, Sendable {
  let layout: RegionLayout
  let isShared: Bool
  /// Whether the memory is the application's own mapping, of which any page may become unreadable at any
  /// time.
  let isAdopted: Bool
  /// Where pre-images are kept, the handler's.
  let store: Reference<PreimageStore>
  let versions: VersionChains
  let views: ViewTable
  let timeline = Timeline()
  let protection: Protection
  let storeLimit: StoreLimit
  let counters = RegionCounters()

  let preservesAhead: Bool
  let streams = WriteStreams()
  let hotPages: HotPageGuesses

  let tracksChangesWhenIdle: Bool
  /// Whether the last snapshot has gone and the keeper is to lift the protection.
  let wantsDisarming = Atomic<Bool>(false)
  /// Whether the keeper has begun to let a snapshot go, and is to go on.
  let keeperGoesOnWithDeparture = Atomic<Bool>(false)
  /// Whether the region is going: its addresses may soon be another's.
  let isGoing = Atomic<Bool>(false)
  /// How many threads resolve faults of theirs at present.
  let inlineResolvers = Atomic<Int>(0)
  /// Whether a test breaks the region on purpose.
  let isExemptFromAudit = Atomic<Bool>(false)

  /// What the application has asked for.
  struct Traits {
    let pageLimit: Int
    let blocksWritersWhenFull: Bool
    let tracksChangesWhenIdle: Bool
    let preservesAhead: Bool
    let preservesHotPages: Bool
  }

  /// Allocates the state: a throwing initialiser cannot undo what it has half made.
  static func allocate(
    _ memory: borrowing RegionMemory, _ traits: Traits, _ userfault: borrowing Userfaultfd,
    canProtectUnpopulated: Bool, _ store: Reference<PreimageStore>
  ) throws(Errno) -> Reference<RegionState> {
    let layout = RegionLayout(address: memory.address, byteCount: memory.byteCount)
    let versions = try VersionChains(pageCount: layout.pageCount, store)
    let views = try ViewTable()
    let protection = Protection(
      layout, isShared: memory.isShared, userfault, canProtectUnpopulated: canProtectUnpopulated,
      store.value.keeper)
    return Reference(
      RegionState(
        memory, layout, traits, store: store, versions: versions, views: views,
        protection: protection))
  }

  private init(
    _ memory: borrowing RegionMemory, _ layout: RegionLayout, _ traits: Traits,
    store: Reference<PreimageStore>, versions: consuming VersionChains, views: consuming ViewTable,
    protection: consuming Protection
  ) {
    self.layout = layout
    isShared = memory.isShared
    isAdopted = !memory.isOwned
    self.store = store
    self.versions = versions
    self.views = views
    self.protection = protection
    storeLimit = StoreLimit(
      pageLimit: traits.pageLimit, blocksWritersWhenFull: traits.blocksWritersWhenFull,
      store.value.keeper)
    preservesAhead = traits.preservesAhead
    hotPages = HotPageGuesses(
      isEnabled: traits.preservesHotPages,
      budget: min(layout.pageCount / 4, traits.pageLimit / 2))
    tracksChangesWhenIdle = traits.tracksChangesWhenIdle
  }

  // MARK: - Waking

  /// Opens the gate, and wakes whoever was put aside meanwhile. Control lock held.
  func openGate() {
    if timeline.gate.open() { wakeAll() }
  }

  /// Wakes every thread that waits for a fault of the region or of a view. The gate has been passed,
  /// or the control lock is held, so that the list of views stays as it is.
  func wakeAll() {
    // One ioctl for the region and all its views: waking goes by addresses, and nobody else waits for
    // this descriptor in between.
    let bounds = views.bounds(with: layout.addresses)
    protection.wake(bounds.lowerBound, bounds.count)
  }

  /// Wakes the faults that were put aside for want of room: they try again.
  func wakeStarved() {
    if storeLimit.announceRoom() { protection.wakeAll() }
  }
}

extension Reference where Value == RegionState {
  @_noLocks @unsafe
  init(address: UInt) {
    unsafe pointer = UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
  }

  var value: RegionState {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}
