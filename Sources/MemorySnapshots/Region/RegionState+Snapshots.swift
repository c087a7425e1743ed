internal import Synchronization
internal import SystemPackage

// Taking a snapshot. Control lock held throughout.

extension RegionState {
  /// Takes a snapshot: closes the gate, protects what was written to since the last one, raises
  /// the epoch, opens the gate. If it fails, nothing has changed.
  func take(
    _ record: Reference<SnapshotRecord>, into snapshots: inout LiveSnapshots
  ) throws(Errno) {
    let start = Kernel.nanoseconds()
    timeline.gate.close()
    defer {
      openGate()
      if hotPages.nextPage != nil { store.value.keeper.call() }
      counters.countProtecting(nanoseconds: Kernel.nanoseconds() - start)
    }
    let now = timeline.epoch.load(ordering: .relaxed)
    do throws(Errno) {
      try protection.protectDirty(versions.table, now: now)
    } catch {
      // Pages that are protected although nobody needs them would fault inside our own operations.
      protection.unprotectDirty(versions.table, now: now)
      throw error
    }
    protection.armSlices(now: now)
    // The versions made so far belong to the snapshot that was the newest.
    if let newest = snapshots.newest {
      versions.append(versions.takeNew(), to: &newest.value.versions)
    }
    let next = timeline.begin(with: record, in: &snapshots)
    // The new one can be given up.
    storeLimit.putLimitBack()
    counters.snapshotsLive.add(1, ordering: .relaxed)
    hotPages.begin(epoch: next)
    counters.snapshotsTaken.add(1, ordering: .relaxed)
  }
}
