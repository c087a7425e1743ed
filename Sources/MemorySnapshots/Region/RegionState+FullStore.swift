internal import Synchronization

// Making room when the store is full: which snapshot is given up, and who goes on waiting. Keeper only.

extension RegionState {
  /// What became of the faults that were put aside for want of room.
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

  /// Makes room for the faults that were put aside for want of it, if the region's policy
  /// allows it, and wakes them.
  ///
  /// - Parameter hasMemory: Whether the system has memory for more slots.
  func relieve(hasMemory: Bool) -> Relief {
    var closedView: Int?
    let attempt: Relief?? = timeline.control.withLockIfAvailable { snapshots in
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
    let limitWasHit = storeLimit.takeLimitHit()
    if waitingFaultsCanGoOn(snapshots) {
      storeLimit.renewPatience()
      return nil
    }
    if snapshots.departure != nil {
      // What goes already may be enough: no other snapshot is given up before.
      closedView = advanceDeparture(in: &snapshots)
      if waitingFaultsCanGoOn(snapshots) { return nil }
      if limitWasHit { storeLimit.keepLimitHit() }
      return .isMakingRoom
    }
    if hasMemory, storeLimit.hasRoom || !limitWasHit {
      return store.value.hasFreeSlots ? nil : .needsSlots
    }
    if !storeLimit.blocksWritersWhenFull, makeRoom(&snapshots, &closedView) { return nil }
    if limitWasHit { storeLimit.keepLimitHit() }
    // A limit that is reached is lifted by a release, which calls the keeper; memory that the
    // system lacks comes back without a word.
    return storeLimit.blocksWritersWhenFull && hasMemory ? .done : .needsPatience
  }

  /// Goes on with a departure that the keeper has begun. True if there is more to do.
  func continueDeparture() -> Bool {
    guard keeperGoesOnWithDeparture.load(ordering: .relaxed) else { return false }
    let closedView: Int?? = timeline.control.withLockIfAvailable { snapshots in
      advanceDeparture(in: &snapshots)
    }
    if let view = closedView ?? nil { unmap(closedView: view) }
    return keeperGoesOnWithDeparture.load(ordering: .relaxed)
  }

  /// Whether no snapshot needs pre-images any more, or there is a slot and room under the limit.
  private func waitingFaultsCanGoOn(_ snapshots: LiveSnapshots) -> Bool {
    snapshots.isEmpty || storeLimit.hasRoom && store.value.hasFreeSlots
  }

  /// Invalidates a snapshot that holds versions, and those before it that do not, the oldest first.
  /// True if there may be room now. None is going.
  private func makeRoom(_ snapshots: inout LiveSnapshots, _ closedView: inout Int?) -> Bool {
    var next = snapshots.oldest
    var allHaveViews = true
    while let record = next {
      next = record.value.newer
      if record.value.openViews > 0 { continue }
      allHaveViews = false
      let heldVersions = record.value.versions.count > 0 || record == snapshots.newest
      // One that was released goes anyway: whoever did may be waiting for us.
      if !record.value.usage.isReleasedAndUnused {
        // One that is being read is left to its reader, who is done after a few pages; one that is being
        // rolled back to, until that is over.
        guard record.value.usage.invalidate() else { continue }
        // Counted before writers are woken, so that they find it in the statistics.
        counters.snapshotsInvalidated.add(1, ordering: .relaxed)
      }
      begin(departureOf: record, in: &snapshots)
      // One without versions has gone after its first step.
      closedView = advanceDeparture(in: &snapshots)
      if snapshots.departure != nil { keeperGoesOnWithDeparture.store(true, ordering: .relaxed) }
      // Whoever was woken may have used the room already, and goes on: that is no reason to give up
      // another. Whoever finds none comes again.
      if heldVersions || waitingFaultsCanGoOn(snapshots) { return true }
    }
    if allHaveViews { storeLimit.liftLimit() } else { storeLimit.waitOrGiveWay() }
    return waitingFaultsCanGoOn(snapshots)
  }

  /// Puts a limit back that gives way, once the uses have ended that it gives way to. True if it is to be
  /// looked at again.
  func reconsiderLimit() -> Bool {
    guard storeLimit.givesWay else { return false }
    _ = timeline.control.withLockIfAvailable { snapshots in
      var next = snapshots.oldest
      while let record = next {
        if record.value.openViews == 0, record.value.usage.isInUse { return }
        next = record.value.newer
      }
      storeLimit.putLimitBack()
    }
    return storeLimit.givesWay
  }
}
