internal import Synchronization
internal import SystemPackage

// Taking a snapshot. Control lock held throughout.

extension RegionState {
  /// Takes a snapshot: closes the gate, protects what was written to since the last one, raises
  /// the epoch, opens the gate. If it fails with the record numbered, the snapshot is among the live
  /// ones and not whole: the caller drops it once the control lock is given back.
  func take(
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
