internal import Synchronization

// What the keeper does for a region.

extension RegionState {
  /// What became of the faults that were put aside for want of a slot.
  enum Relief {
    /// They are awake, or wait for a snapshot to be released.
    case done
    /// Other faults have used up the slots first: populate more and try again.
    case needsSlots
    /// A snapshot is going: take its next step.
    case isMakingRoom
    /// The snapshots that could be given up are being read, one is being taken, or the system has no
    /// memory.
    case needsPatience
  }

  /// Makes room for the faults that were put aside for want of a slot, if the region's policy
  /// allows it, and wakes them.
  ///
  /// - Parameter hasMemory: Whether the system has memory for more slots.
  func relieve(hasMemory: Bool) -> Relief {
    var closedView: Int?
    let attempt: Relief?? = control.withLockIfAvailable { snapshots in
      relieve(&snapshots, hasMemory: hasMemory, &closedView)
    }
    if let closedView { unmap(closedView: closedView) }
    guard let relief = attempt else { return .needsPatience }
    if let relief { return relief }
    wakeStarved()
    return .done
  }

  /// `nil` if there is room.
  private func relieve(
    _ snapshots: inout LiveSnapshots, hasMemory: Bool, _ closedView: inout Int?
  ) -> Relief? {
    let limitWasHit = limitIsHit.exchange(false, ordering: .relaxed)
    if hasRoom(snapshots) { return nil }
    if snapshots.departure != nil {
      // What goes already may be enough: no other snapshot is given up before.
      closedView = advanceDeparture(in: &snapshots)
      if hasRoom(snapshots) { return nil }
      if limitWasHit { limitIsHit.store(true, ordering: .relaxed) }
      return .isMakingRoom
    }
    if hasMemory, isBelowLimit || !limitWasHit {
      return unsafe store.pointee.hasFreeSlots ? nil : .needsSlots
    }
    if !blocksWritersWhenFull, makeRoom(&snapshots, &closedView) { return nil }
    if limitWasHit { limitIsHit.store(true, ordering: .relaxed) }
    // A limit that is reached is lifted by a release, which calls the keeper; memory that the
    // system lacks comes back without a word.
    return blocksWritersWhenFull && hasMemory ? .done : .needsPatience
  }

  /// Goes on with a departure that the keeper has begun. True if there is more to do.
  func continueDeparture() -> Bool {
    guard keeperDeparts.load(ordering: .relaxed) else { return false }
    let closedView: Int?? = control.withLockIfAvailable { snapshots in
      advanceDeparture(in: &snapshots)
    }
    if let view = closedView ?? nil { unmap(closedView: view) }
    return keeperDeparts.load(ordering: .relaxed)
  }

  /// Leaves word for the keeper that a fault waits for a slot.
  @_noLocks
  func leaveWord() {
    // Sequentially consistent: pairs with `wakeStarved`.
    isStarved.store(true, ordering: .sequentiallyConsistent)
    unsafe store.pointee.callKeeper()
  }

  /// Wakes the faults that were put aside for want of a slot: they try again.
  func wakeStarved() {
    // In this order: whoever leaves word afterwards calls the keeper, whose turn it is then; whoever
    // has left word before has noted an older number. Sequentially consistent: pairs with `leaveWord`.
    let hasWaiters = isStarved.exchange(false, ordering: .sequentiallyConsistent)
    relief.announce()
    if hasWaiters { wakeWaiters() }
  }

  private var isBelowLimit: Bool {
    preservedPages.load(ordering: .relaxed) < pageLimit || limitIsLifted.load(ordering: .relaxed)
  }

  private func hasRoom(_ snapshots: LiveSnapshots) -> Bool {
    unsafe snapshots.isEmpty || isBelowLimit && store.pointee.hasFreeSlots
  }

  /// Invalidates a snapshot that holds versions, and those before it that do not, the oldest first.
  /// True if there may be room now. None is going.
  private func makeRoom(_ snapshots: inout LiveSnapshots, _ closedView: inout Int?) -> Bool {
    var next = unsafe snapshots.oldest
    var allArePinned = true
    while let record = unsafe next {
      unsafe next = record.pointee.newer
      if unsafe record.pointee.pinCount > 0 { continue }
      allArePinned = false
      let heldVersions = unsafe record.pointee.versions.count > 0 || record == snapshots.newest
      // One that was released goes anyway: whoever did may be waiting for us.
      if unsafe !record.pointee.usage.isLeft {
        // One that is being read is left to its reader, who is done after a few pages.
        guard unsafe record.pointee.usage.invalidate() else { continue }
        // Counted before writers are woken, so that they find it in the statistics.
        counters.snapshotsInvalidated.add(1, ordering: .relaxed)
      }
      unsafe begin(departureOf: record, in: &snapshots)
      // One without versions has gone after its first step.
      closedView = advanceDeparture(in: &snapshots)
      if snapshots.departure != nil { keeperDeparts.store(true, ordering: .relaxed) }
      // Whoever was woken may have used the room already, and goes on: that is no reason to give up
      // another. Whoever finds none comes again.
      if heldVersions || hasRoom(snapshots) { return true }
    }
    if allArePinned { limitIsLifted.store(true, ordering: .relaxed) }
    return hasRoom(snapshots)
  }

  /// Lifts the protection of up to `count` slices, if the last snapshot has gone. Returns after how
  /// many nanoseconds there is more to do, less than zero for nothing.
  func disarm(slices count: Int) -> Int64 {
    guard wantsDisarming.exchange(false, ordering: .acquiringAndReleasing) else { return -1 }
    var lifted = 0
    for slice in 0..<slices.count where !slices.isOpen(slice: slice) {
      guard lifted < count, let isIdle = disarm(slice: slice) else {
        wantsDisarming.store(true, ordering: .releasing)
        return lifted < count ? 1_000_000 : 0
      }
      // A snapshot has been taken meanwhile; the last to go asks again.
      guard isIdle else { return -1 }
      lifted += 1
    }
    return -1
  }

  /// `nil` if the region is busy.
  private func disarm(slice: Int) -> Bool? {
    control.withLockIfAvailable { snapshots in
      guard snapshots.isEmpty else { return false }
      // Whoever prepares pages for writing must not find them open before they are.
      gate.close()
      slices.open(slice: slice)
      unprotect(pages(ofSlice: slice))
      openGate()
      return true
    }
  }
}
