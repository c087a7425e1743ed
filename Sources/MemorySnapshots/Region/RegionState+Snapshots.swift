internal import Synchronization
internal import SystemPackage

// Taking a snapshot, and letting one go. Control lock held throughout.

extension RegionState {
  /// Takes a snapshot: closes the gate, protects what was written to since the last one, raises
  /// the epoch, opens the gate.
  func take(
    _ record: UnsafeMutablePointer<SnapshotRecord>, into snapshots: inout LiveSnapshots,
    copyingHotPagesBy resolver: FaultResolver?
  ) throws(Errno) {
    do throws(Errno) {
      try unsafe takeBehindGate(record, into: &snapshots, copyingHotPagesBy: resolver)
    } catch {
      // Numbered, but not whole.
      if unsafe record.pointee.epoch > 0 { unsafe drop(record, from: &snapshots) }
      throw error
    }
  }

  private func takeBehindGate(
    _ record: UnsafeMutablePointer<SnapshotRecord>, into snapshots: inout LiveSnapshots,
    copyingHotPagesBy resolver: FaultResolver?
  ) throws(Errno) {
    let start = Kernel.nanoseconds()
    gate.close()
    defer {
      openGate()
      if hotPages.nextPage != nil { unsafe store.pointee.callKeeper() }
      counters.countProtecting(nanoseconds: Kernel.nanoseconds() - start)
    }
    do throws(Errno) {
      try protectDirtyPages(sparesHotPages: resolver != nil)
    } catch {
      // Pages that are protected although nobody needs them would fault inside our own operations.
      unprotectDirtyPages()
      throw error
    }
    closeSlices()
    // The versions made so far belong to the snapshot that was the newest.
    if let newest = unsafe snapshots.newest {
      unsafe newest.pointee.versions.append(takeNewVersions(), in: store)
    }
    // Relaxed: the gate orders it before whatever a resolver does next.
    let next = epoch.load(ordering: .relaxed) + 1
    unsafe record.pointee.epoch = next
    epoch.store(next, ordering: .relaxed)
    newestLiveEpoch.store(next, ordering: .relaxed)
    unsafe snapshots.append(record)
    // The new one can be given up.
    limitIsLifted.store(false, ordering: .relaxed)
    counters.snapshotsLive.add(1, ordering: .relaxed)
    if let resolver {
      do throws(Errno) {
        try resolver.copySparedPages()
      } catch {
        unsafe giveUpNewest(record, resolver)
        throw error
      }
    } else {
      hotPages.begin(epoch: next)
    }
    counters.snapshotsTaken.add(1, ordering: .relaxed)
  }

  /// Puts words right after a failed `copySparedPages`: some pages are open that the new epoch counts as
  /// protected. The epoch stays, because words name it; the snapshot goes, when the gate is open. Gate
  /// closed.
  private func giveUpNewest(
    _ record: UnsafeMutablePointer<SnapshotRecord>, _ resolver: FaultResolver
  ) {
    newestLiveEpoch.store(unsafe record.pointee.older?.pointee.epoch ?? 0, ordering: .relaxed)
    // An older snapshot has what it needs of these pages, and now no newer one needs what they hold:
    // their words can say that they are open.
    do throws(Errno) {
      try resolver.copySparedPages()
    } catch {
      preconditionFailure("Pages that no snapshot needs were to be copied.")
    }
    unprotectDirtyPages()
  }

  /// Lets a snapshot go that nobody uses. Each version it owns moves to the next older snapshot,
  /// if that one needs it too; else its memory is free again.
  ///
  /// - Complexity: O(the smaller of the two snapshots' versions), plus the versions freed.
  func drop(
    _ record: UnsafeMutablePointer<SnapshotRecord>, from snapshots: inout LiveSnapshots
  ) {
    let older = unsafe record.pointee.older
    let freeSlots = unsafe store.pointee.pages.freeSlots
    if unsafe record == snapshots.newest {
      // With no resolver under way, none still makes versions for this snapshot afterwards.
      gate.close()
      newestLiveEpoch.store(unsafe older?.pointee.epoch ?? 0, ordering: .relaxed)
      unsafe record.pointee.versions.append(takeNewVersions(), in: store)
      openGate()
    }
    unsafe snapshots.remove(record)
    counters.snapshotsLive.subtract(1, ordering: .relaxed)
    if let older = unsafe older {
      unsafe pass(versionsOf: record, to: older)
    } else {
      unsafe freeAll(&record.pointee.versions)
    }
    if snapshots.isEmpty {
      limitIsLifted.store(false, ordering: .relaxed)
      if !tracksChangesWhenIdle {
        wantsDisarming.store(true, ordering: .releasing)
        unsafe store.pointee.callKeeper()
      }
    }
    // A fault that waits for a slot may find one now, or need none any more.
    wakeStarved()
    // The keeper must know of memory to hand back: called once for each chunk that falls free.
    let chunk = unsafe store.pointee.pages.slotsPerChunk
    let hasFreedChunk = unsafe store.pointee.pages.freeSlots / chunk > freeSlots / chunk
    if hasFreedChunk { unsafe store.pointee.callKeeper() }
  }

  private func freeAll(_ list: inout VersionList) {
    var number = list.first
    while number != 0 {
      let next = unsafe store.pointee.record(number).pointee.next
      free(version: number)
      number = next
    }
    list = VersionList()
  }

  /// Each list holds at most one version of a page, and a version of the newer list is needed by
  /// the older snapshot unless that has one of its own. So it suffices to go through the shorter.
  private func pass(
    versionsOf record: UnsafeMutablePointer<SnapshotRecord>,
    to older: UnsafeMutablePointer<SnapshotRecord>
  ) {
    let epoch = unsafe record.pointee.epoch
    if unsafe record.pointee.versions.count <= older.pointee.versions.count {
      var number = unsafe record.pointee.versions.first
      while number != 0 {
        let version = unsafe store.pointee.record(number)
        let next = unsafe version.pointee.next
        let lower = unsafe version.pointee.lower
        if unsafe lower >= older.pointee.epoch {
          unsafe record.pointee.versions.remove(number, in: store)
          free(version: number)
        }
        number = next
      }
    } else {
      let end = unsafe record.pointee.newer?.pointee.epoch ?? .max
      var number = unsafe older.pointee.versions.first
      while number != 0 {
        if let twin = newerVersion(of: number, in: epoch..<end) {
          unsafe record.pointee.versions.remove(twin, in: store)
          free(version: twin)
        }
        number = unsafe store.pointee.record(number).pointee.next
      }
    }
    unsafe older.pointee.versions.append(record.pointee.versions, in: store)
    unsafe record.pointee.versions = VersionList()
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

extension VersionList {
  /// Takes over all of another list.
  mutating func append(_ list: VersionList, in store: UnsafeMutablePointer<PreimageStore>) {
    guard list.count > 0 else { return }
    if count == 0 {
      self = list
      return
    }
    unsafe store.pointee.record(last).pointee.next = list.first
    unsafe store.pointee.record(list.first).pointee.previous = last
    last = list.last
    count += list.count
  }

  mutating func remove(_ number: UInt32, in store: UnsafeMutablePointer<PreimageStore>) {
    let record = unsafe store.pointee.record(number)
    let next = unsafe record.pointee.next
    let previous = unsafe record.pointee.previous
    if previous == 0 {
      first = next
    } else {
      unsafe store.pointee.record(previous).pointee.next = next
    }
    if next == 0 {
      last = previous
    } else {
      unsafe store.pointee.record(next).pointee.previous = previous
    }
    count -= 1
  }
}
