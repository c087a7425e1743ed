internal import Synchronization
internal import SystemPackage

// Taking a snapshot. Control lock held throughout.

extension RegionState {
  /// Takes a snapshot: closes the gate, protects what was written to since the last one, raises
  /// the epoch, opens the gate. If it fails, nothing has changed.
  func take(
    _ record: UnsafeMutablePointer<SnapshotRecord>, into snapshots: inout LiveSnapshots
  ) throws(Errno) {
    let start = Kernel.nanoseconds()
    gate.close()
    defer {
      openGate()
      if hotPages.nextPage != nil { unsafe store.pointee.callKeeper() }
      counters.countProtecting(nanoseconds: Kernel.nanoseconds() - start)
    }
    do throws(Errno) {
      try protectDirtyPages()
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
    hotPages.begin(epoch: next)
    counters.snapshotsTaken.add(1, ordering: .relaxed)
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
