/// The live snapshots of a region, oldest first, and the one that is going. Reached under the control
/// lock alone.
struct LiveSnapshots: Sendable {
  private var list = LinkedList<SnapshotRecord>()
  /// The snapshot that is going, if one is.
  var departure: Departure?
  /// How many have begun to go.
  var departureCount: UInt64 = 0

  var oldest: Reference<SnapshotRecord>? { list.first }
  var newest: Reference<SnapshotRecord>? { list.last }
  var count: Int { list.count }
  var isEmpty: Bool { list.count == 0 }

  mutating func append(_ record: Reference<SnapshotRecord>) { list.append(record) }

  mutating func remove(_ record: Reference<SnapshotRecord>) { list.remove(record) }
}
