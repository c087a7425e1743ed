internal import Synchronization

/// A snapshot on its way out: off the list of live ones, its versions passed on or freed step by step.
///
/// At most one of a region's snapshots is going at a time, and its versions are in no snapshot's
/// list. Readers do not mind: they find versions by the pages' chains, which hold every version until
/// it is freed, and none is freed that a live snapshot needs. The state belongs to the region, not to
/// the thread that began: whoever wants another snapshot to go, the keeper too, takes the steps that
/// are left first, and the keeper begins for whoever has released a snapshot and not come to it. So
/// nobody waits for a thread that has been stopped in between, by a signal whose handler writes to the
/// region, say, and waits for room.
@safe
struct Departure {
  /// Tells it from others of the region.
  let number: UInt64
  /// What has not been freed. Passed to `older` in the end, all at once.
  var versions: VersionList
  /// The epochs that such versions were made in: no other snapshot's are.
  let epochs: Range<UInt64>
  /// The next older live snapshot. It stays that: a newer one than the last cannot come in between,
  /// and it cannot go before this departure is over.
  let older: UnsafeMutablePointer<SnapshotRecord>?
  /// Whether `cursor` goes through the versions of `older`; else through `versions`.
  let followsOlder: Bool
  /// The version to look at next, 0 at the end.
  var cursor: UInt32
}

// Letting a snapshot go. Each version that it owns moves to the next older snapshot, if that one needs
// it too; else its memory is free again.

extension RegionState {
  /// Lets a snapshot go that nobody uses. Whoever takes a snapshot meanwhile waits for one step at the
  /// most.
  ///
  /// - Complexity: O(the smaller of the two snapshots' versions), plus the versions freed.
  func drop(_ record: UnsafeMutablePointer<SnapshotRecord>) {
    stepThroughDepartures { snapshots in
      let own = unsafe record.pointee.departure
      if own > 0 { return snapshots.departure?.number == own }
      if snapshots.departure == nil { unsafe begin(departureOf: record, in: &snapshots) }
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
      let viewToUnmap: Int? = control.withLock { snapshots in
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
      DepartureSteps.pause()
      control.letOthersPass()
    }
  }

  // MARK: - Steps, control lock held

  /// Takes a snapshot off the list of live ones. None is going.
  func begin(
    departureOf record: UnsafeMutablePointer<SnapshotRecord>, in snapshots: inout LiveSnapshots
  ) {
    let older = unsafe record.pointee.older
    // The last epoch that versions have been made in so far. Those made from now on in the same one are
    // of pages that `older` has no version of yet: none of them is mistaken for one of this snapshot.
    var end = epoch.load(ordering: .relaxed) + 1
    if let newer = unsafe record.pointee.newer { end = unsafe newer.pointee.epoch }
    if unsafe record == snapshots.newest {
      // With no resolver under way, none still makes versions for this snapshot afterwards.
      gate.close()
      newestLiveEpoch.store(unsafe older?.pointee.epoch ?? 0, ordering: .relaxed)
      unsafe record.pointee.versions.append(takeNewVersions(), in: store)
      openGate()
    }
    unsafe snapshots.remove(record)
    counters.snapshotsLive.subtract(1, ordering: .relaxed)
    let versions = unsafe record.pointee.versions
    unsafe record.pointee.versions = VersionList()
    // Each list holds at most one version of a page, and a version of the newer list is needed by the
    // older snapshot unless that has one of its own. So it suffices to go through the shorter.
    let ofOlder = unsafe older?.pointee.versions.count ?? .max
    let followsOlder = ofOlder < versions.count
    let first = unsafe followsOlder ? older?.pointee.versions.first : versions.first
    snapshots.departureCount += 1
    unsafe record.pointee.departure = snapshots.departureCount
    snapshots.departure = unsafe Departure(
      number: snapshots.departureCount, versions: versions,
      epochs: record.pointee.epoch..<end, older: older, followsOlder: followsOlder,
      cursor: first ?? 0)
    if snapshots.isEmpty {
      limitIsLifted.store(false, ordering: .relaxed)
      if !tracksChangesWhenIdle {
        wantsDisarming.store(true, ordering: .releasing)
        unsafe store.pointee.callKeeper()
      }
    }
  }

  /// Takes a step of the departure under way. Returns a closed view that no version lives in any more:
  /// unmap it, which may take long, with the lock given back.
  func advanceDeparture(in snapshots: inout LiveSnapshots) -> Int? {
    guard var departure = snapshots.departure else { return nil }
    let freeSlots = unsafe store.pointee.pages.freeSlots
    var closedView: Int?
    var rest = DepartureSteps.length
    while departure.cursor != 0, rest > 0, closedView == nil {
      closedView = departure.followsOlder ? removeTwin(&departure) : examineNext(&departure)
      rest -= 1
    }
    if departure.cursor == 0 {
      if let older = unsafe departure.older {
        unsafe older.pointee.versions.append(departure.versions, in: store)
      }
      snapshots.departure = nil
      keeperDeparts.store(false, ordering: .relaxed)
    } else {
      snapshots.departure = departure
    }
    // A fault that waits for a slot may find one now, or need none any more.
    wakeStarved()
    // The keeper must know of memory to hand back: called once for each chunk that falls free.
    let chunk = unsafe store.pointee.pages.slotsPerChunk
    let hasFreedChunk = unsafe store.pointee.pages.freeSlots / chunk > freeSlots / chunk
    if hasFreedChunk { unsafe store.pointee.callKeeper() }
    return closedView
  }

  /// Frees the next of the departing versions, unless the older snapshot needs it.
  private func examineNext(_ departure: inout Departure) -> Int? {
    let number = departure.cursor
    let version = unsafe store.pointee.record(number)
    departure.cursor = unsafe version.pointee.next
    // Without an older snapshot the list is not used again.
    guard let older = unsafe departure.older else { return free(version: number) }
    guard unsafe version.pointee.lower >= older.pointee.epoch else { return nil }
    unsafe departure.versions.remove(number, in: store)
    return free(version: number)
  }

  /// Frees the departing version of the page that the older snapshot's next version is of, if any.
  /// The older list grows at its end alone meanwhile, when a snapshot is taken.
  private func removeTwin(_ departure: inout Departure) -> Int? {
    let number = departure.cursor
    departure.cursor = unsafe store.pointee.record(number).pointee.next
    guard let twin = newerVersion(of: number, in: departure.epochs) else { return nil }
    unsafe departure.versions.remove(twin, in: store)
    return free(version: twin)
  }

  /// The next newer version of the same page, if it was made in one of `epochs`.
  private func newerVersion(of number: UInt32, in epochs: Range<UInt64>) -> UInt32? {
    let record = unsafe store.pointee.record(number)
    let page = Int(unsafe record.pointee.page)
    let word = lock(page)
    let newer = unsafe record.pointee.newer
    table.publish(page, word)
    briefWaiters.wake()
    guard newer != 0 else { return nil }
    let upper = unsafe store.pointee.record(newer).pointee.upper.load(ordering: .relaxed)
    return epochs.contains(upper) ? newer : nil
  }
}
