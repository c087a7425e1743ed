internal import Synchronization

/// A region's snapshots in time: the epoch, the newest snapshot that lives, and what keeps writers and
/// takers of snapshots apart.
struct Timeline: ~Copyable, Sendable {
  let gate = Gate()
  /// Guards the live snapshots.
  let control = ControlLock()
  /// Number of the newest snapshot, 0 before the first. Changes only while the gate is closed, which
  /// orders it for whoever passes the gate: relaxed suffices there.
  let epoch = Atomic<UInt64>(0)
  /// Epoch of the newest snapshot that lives, 0 for none. Changes only while the gate is closed.
  let newestLiveEpoch = Atomic<UInt64>(0)

  deinit { gate.deallocate() }

  /// Begins a new epoch with a snapshot. Gate closed, control lock held.
  func begin(
    with record: Reference<SnapshotRecord>, in snapshots: inout LiveSnapshots
  ) -> UInt64 {
    let next = epoch.load(ordering: .relaxed) + 1
    record.value.epoch = next
    epoch.store(next, ordering: .relaxed)
    newestLiveEpoch.store(next, ordering: .relaxed)
    snapshots.append(record)
    return next
  }

  /// Says that the newest live snapshot is no longer one that pages are preserved for: its next older one
  /// is. Gate closed, control lock held.
  func stopPreserving(for newest: Reference<SnapshotRecord>) {
    newestLiveEpoch.store(newest.value.older?.value.epoch ?? 0, ordering: .relaxed)
  }
}
