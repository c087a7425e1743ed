internal import Synchronization

// Letting a snapshot go. Each version that it owns moves to the next older snapshot, if that one needs
// it too; else its memory is free again.

extension RegionState {
  /// Lets a snapshot go that nobody uses. Whoever takes a snapshot meanwhile waits for one step at the
  /// most.
  ///
  /// - Complexity: O(the smaller of the two snapshots' versions), plus the versions freed.
  func drop(_ record: Reference<SnapshotRecord>) {
    stepThroughDepartures { snapshots in
      let own = record.value.departureNumber
      if own > 0 { return snapshots.departure?.number == own }
      if snapshots.departure == nil { begin(departureOf: record, in: &snapshots) }
      return true
    }
  }

  /// Waits until the snapshot that is going at present has gone.
  func finishDeparture() {
    var first: UInt64?
    stepThroughDepartures { snapshots in
      let number = snapshots.departure?.number
      if first == nil { first = number }
      return number != nil && number == first
    }
  }

  /// Takes steps as long as `goesOn` says so.
  private func stepThroughDepartures(while goesOn: (inout LiveSnapshots) -> Bool) {
    var isDone = false
    while !isDone {
      let viewToUnmap: Int? = timeline.control.withLock { snapshots in
        guard goesOn(&snapshots) else {
          isDone = true
          return nil
        }
        let view = advanceDeparture(in: &snapshots)
        isDone = !goesOn(&snapshots)
        return view
      }
      if let viewToUnmap { unmap(closedView: viewToUnmap) }
      guard !isDone else { return }
      DepartureSteps.callHook()
      timeline.control.letOthersPass()
    }
  }

  // MARK: - Steps, control lock held

  /// Takes a snapshot off the list of live ones. None is going.
  func begin(
    departureOf record: Reference<SnapshotRecord>, in snapshots: inout LiveSnapshots
  ) {
    let older = record.value.older
    // The last epoch that versions have been made in so far. Those made from now on in the same one are
    // of pages that `older` has no version of yet: none of them is mistaken for one of this snapshot.
    var end = timeline.epoch.load(ordering: .relaxed) + 1
    if let newer = record.value.newer { end = newer.value.epoch }
    if record == snapshots.newest {
      // With no resolver under way, none still makes versions for this snapshot afterwards.
      timeline.gate.close()
      timeline.stopPreserving(for: record)
      versions.append(versions.takeNew(), to: &record.value.versions)
      openGate()
    }
    snapshots.remove(record)
    counters.snapshotsLive.subtract(1, ordering: .relaxed)
    let owned = record.value.versions
    record.value.versions = VersionList()
    // Each list holds at most one version of a page, and a version of the newer list is needed by the
    // older snapshot unless that has one of its own. So it suffices to go through the shorter: unless
    // the older one is being consumed, and has let go of pages without versions of them.
    var ofOlder = Int.max
    if let older, !older.value.usage.isConsumed { ofOlder = older.value.versions.count }
    let followsOlder = ofOlder < owned.count
    let first = followsOlder ? older?.value.versions.first : owned.first
    snapshots.departureCount += 1
    record.value.departureNumber = snapshots.departureCount
    snapshots.departure = Departure(
      number: snapshots.departureCount, versions: owned,
      epochs: record.value.epoch..<end, older: older, followsOlder: followsOlder,
      cursor: first ?? 0)
    if snapshots.isEmpty {
      storeLimit.putLimitBack()
      if !tracksChangesWhenIdle {
        wantsDisarming.store(true, ordering: .releasing)
        store.value.keeper.call()
      }
    }
  }

  /// Takes a step of the departure under way. Returns a closed view that no version lives in any more:
  /// unmap it, which may take long, with the lock given back.
  func advanceDeparture(in snapshots: inout LiveSnapshots) -> Int? {
    guard var departure = snapshots.departure else { return nil }
    let freeSlots = store.value.pages.freeSlots
    var closedView: Int?
    var rest = DepartureSteps.length
    while departure.cursor != 0, rest > 0, closedView == nil {
      closedView = departure.followsOlder ? removeTwin(&departure) : examineNext(&departure)
      rest -= 1
    }
    if departure.cursor == 0 {
      if let older = departure.older {
        versions.append(departure.versions, to: &older.value.versions)
      }
      snapshots.departure = nil
      keeperGoesOnWithDeparture.store(false, ordering: .relaxed)
    } else {
      snapshots.departure = departure
    }
    // A fault that waits for a slot may find one now, or need none any more.
    wakeStarved()
    // The keeper must know of memory to hand back: called once for each chunk that falls free.
    let chunk = store.value.pages.slotsPerChunk
    let hasFreedChunk = store.value.pages.freeSlots / chunk > freeSlots / chunk
    if hasFreedChunk { store.value.keeper.call() }
    return closedView
  }

  /// Frees the next of the departing versions, unless the older snapshot needs it.
  private func examineNext(_ departure: inout Departure) -> Int? {
    let number = departure.cursor
    let version = versions.record(number)
    departure.cursor = version.value.next
    // Without an older snapshot the list is not used again.
    guard let older = departure.older else { return free(version: number) }
    guard version.value.lower >= older.value.epoch else { return nil }
    versions.remove(number, from: &departure.versions)
    return free(version: number)
  }

  /// Frees the departing version of the page that the older snapshot's next version is of, if any.
  /// The older list grows at its end alone meanwhile, when a snapshot is taken.
  private func removeTwin(_ departure: inout Departure) -> Int? {
    let number = departure.cursor
    departure.cursor = versions.record(number).value.next
    guard let twin = versions.newerVersion(of: number, in: departure.epochs) else { return nil }
    versions.remove(twin, from: &departure.versions)
    return free(version: twin)
  }

  /// Takes a version out of its page's chain and frees its memory. Returns the closed view in which it
  /// was the last, if it was.
  private func free(version number: UInt32) -> Int? {
    let location = versions.unlink(number)
    guard location != .zero else { return nil }
    storeLimit.remove(pages: 1)
    if let slot = location.slot { store.value.deallocatePage(slot) }
    guard let index = location.viewIndex else { return nil }
    let view = views.entry(index)
    let held = view.value.heldVersions.subtract(1, ordering: .relaxed).newValue
    return held == 0 && !view.value.isOpen ? index : nil
  }

  /// Unmaps a closed view that no version lives in any more. Its pages go all at once.
  func unmap(closedView index: Int) {
    Kernel.unmap(views.entry(index).value.address, layout.byteCount)
    views.countRetired(-1)
    views.giveBack(index)
  }
}
