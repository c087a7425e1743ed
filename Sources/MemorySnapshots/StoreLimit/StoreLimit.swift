internal import Synchronization

/// How many pre-images a region may keep, how many it keeps, and whether faults wait for room. Who makes
/// room, the keeper, does so in `RegionState+FullStore.swift`.
struct StoreLimit: ~Copyable, Sendable {
  /// The most pages to be kept; `.max` for no limit.
  let pageLimit: Int
  let blocksWritersWhenFull: Bool
  private let keeper: KeeperCall

  /// Pre-images kept, in pages, each with all its copies in views that the kernel copies pages for.
  let keptPages = Atomic<Int>(0)
  /// Pages that readers have brought into views which are filled as they are read. Under no limit.
  let residentViewPages = Atomic<Int>(0)

  /// Whether a fault was put aside for want of room: of a free slot, or under the limit.
  private let starvation = Atomic<Bool>(false)
  /// Room was made in the store, or the need for it went away.
  let relief = EventCount()
  /// Whether pre-images may exceed the limit: all live snapshots have open views, which must not
  /// break, or the limit gives way.
  private let limitIsLifted = Atomic<Bool>(false)
  /// Whether the limit gives way to a use of a snapshot that does not end.
  private let limitGivesWay = Atomic<Bool>(false)
  /// Since when the keeper has waited for a use to end, or for a roll-back to come on; 0 for not at all.
  private let patienceBegan = Atomic<UInt64>(0)
  /// How long it does so, in nanoseconds. Tests change it.
  let patience = Atomic<UInt64>(50_000_000)
  /// Whether a fault was put aside because of the limit, not for want of a free slot.
  private let limitIsHit = Atomic<Bool>(false)

  init(pageLimit: Int, blocksWritersWhenFull: Bool, _ keeper: KeeperCall) {
    self.pageLimit = pageLimit
    self.blocksWritersWhenFull = blocksWritersWhenFull
    self.keeper = keeper
  }

  deinit { relief.deallocate() }

  // MARK: - The limit

  var isLimited: Bool {
    @_noLocks get { pageLimit != .max }
  }

  /// Counts one more page, where there is a limit. Returns how many that makes; `nil`, with nothing
  /// counted, if it would exceed the limit. A guess must not bring the giving up of snapshots forward:
  /// it leaves the last quarter to faults.
  @_noLocks
  func reservePage(isGuess: Bool) -> Int? {
    let kept = keptPages.add(1, ordering: .relaxed).newValue
    if isGuess {
      if kept <= pageLimit - pageLimit / 4 { return kept }
    } else {
      if kept <= pageLimit || limitIsLifted.load(ordering: .relaxed) { return kept }
      // Relaxed: `noteStarvation`, which comes afterwards, orders it.
      limitIsHit.store(true, ordering: .relaxed)
    }
    remove(pages: 1)
    return nil
  }

  /// Counts pages that are kept now. Returns how many that makes.
  @_noLocks
  func add(pages count: Int) -> Int { keptPages.add(count, ordering: .relaxed).newValue }

  @_noLocks
  func remove(pages count: Int) { keptPages.subtract(count, ordering: .relaxed) }

  var hasRoom: Bool {
    keptPages.load(ordering: .relaxed) < pageLimit || limitIsLifted.load(ordering: .relaxed)
  }

  /// Lifts the limit until there is a snapshot again that may be given up. Control lock held, as for
  /// putting it back.
  func liftLimit() { limitIsLifted.store(true, ordering: .relaxed) }

  func putLimitBack() {
    limitIsLifted.store(false, ordering: .relaxed)
    limitGivesWay.store(false, ordering: .relaxed)
    renewPatience()
  }

  /// Whether the limit gives way: keeper only.
  var givesWay: Bool { limitGivesWay.load(ordering: .relaxed) }

  /// Says that what the keeper waits for comes on.
  func renewPatience() { patienceBegan.store(0, ordering: .relaxed) }

  /// The snapshots that could be given up are in use. Waits for a while, then lifts the limit: whoever
  /// uses one may be waiting himself, in a signal handler that writes. Control lock held.
  func waitOrGiveWay() {
    let now = Kernel.nanoseconds()
    let began = patienceBegan.load(ordering: .relaxed)
    guard began != 0 else { return patienceBegan.store(now, ordering: .relaxed) }
    guard now > began, now - began > patience.load(ordering: .relaxed) else { return }
    limitGivesWay.store(true, ordering: .relaxed)
    liftLimit()
  }

  /// Whether a fault has met the limit since this was asked last. Keeper only.
  func takeLimitHit() -> Bool { limitIsHit.exchange(false, ordering: .relaxed) }

  /// Says that the limit, which was met, has not been dealt with. Keeper only.
  func keepLimitHit() { limitIsHit.store(true, ordering: .relaxed) }

  // MARK: - Starvation and relief

  /// Takes note that a fault waits for room, and calls the keeper.
  @_noLocks
  func noteStarvation() {
    // Sequentially consistent: pairs with `announceRoom`.
    starvation.store(true, ordering: .sequentiallyConsistent)
    keeper.call()
  }

  /// Says that room that was reserved has been given back unused: a fault may have met the limit meanwhile,
  /// and the keeper have found no room for it.
  @_noLocks
  func noteUnusedRoom() {
    // The fence has the removal come before this look. Whoever starves later calls the keeper, which
    // finds the room.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if starvation.load(ordering: .sequentiallyConsistent) { keeper.call() }
  }

  /// Whether a fault waits for room.
  var isStarved: Bool { starvation.load(ordering: .acquiring) }

  /// Calls the keeper if a fault waits: something that it had to leave alone may be given up now.
  func callKeeperIfStarved() {
    if isStarved { keeper.call() }
  }

  /// Says that there may be room. True if faults were put aside, which the caller wakes: they try again.
  func announceRoom() -> Bool {
    // In this order: who starves afterwards calls the keeper, whose turn it is then; who has starved
    // before has read an older count. Sequentially consistent: pairs with `noteStarvation`.
    let hasWaiters = starvation.exchange(false, ordering: .sequentiallyConsistent)
    relief.advance()
    return hasWaiters
  }
}
