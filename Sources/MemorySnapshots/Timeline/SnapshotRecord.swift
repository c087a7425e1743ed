/// What the region knows of one snapshot. Allocated before the snapshot is taken, freed with its
/// `MemorySnapshot`.
///
/// Safe to share: the epoch is written once, before the record is shared; all other variables are reached
/// under the control lock alone.
struct SnapshotRecord: ~Copyable, Linked, @unchecked Sendable {
  var epoch: UInt64 = 0
  /// Neighbours among the live snapshots.
  var links = Links<SnapshotRecord>()
  /// The versions that this snapshot owns: those for which it is the newest live one that needs them.
  var versions = VersionList()
  /// While there are any, the snapshot must not be given up.
  var openViews = 0
  /// The number of its departure, 0 as long as it is live.
  var departureNumber: UInt64 = 0
  let usage = SnapshotUsage()

  var older: Reference<SnapshotRecord>? { links.previous }
  var newer: Reference<SnapshotRecord>? { links.next }
}

extension Reference where Value == SnapshotRecord {
  var value: SnapshotRecord {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
    @_noLocks nonmutating unsafeMutableAddress { unsafe pointer }
  }
}
