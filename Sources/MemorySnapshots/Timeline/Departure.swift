/// A snapshot on its way out: off the list of live ones, its versions passed on or freed step by step.
///
/// At most one of a region's snapshots is going at a time, and its versions are in no snapshot's
/// list. Readers do not mind: they find versions by the pages' chains, which hold every version until
/// it is freed, and none is freed that a live snapshot needs. The state belongs to the region, not to
/// the thread that began: whoever wants another snapshot to go, the keeper too, takes the steps that
/// are left first, and the keeper begins for whoever has released a snapshot and not come to it. So
/// nobody waits for a thread that has been stopped in between, by a signal whose handler writes to the
/// region, say, and waits for room.
struct Departure: Sendable {
  /// Tells it from others of the region.
  let number: UInt64
  /// What has not been freed. Passed to `older` in the end, all at once.
  var versions: VersionList
  /// The epochs that such versions were made in: no other snapshot's are.
  let epochs: Range<UInt64>
  /// The next older live snapshot, to the end: new ones are only added at the newest end, and no other
  /// goes before this departure is over.
  let older: Reference<SnapshotRecord>?
  /// Whether `cursor` goes through the versions of `older`; else through `versions`.
  let followsOlder: Bool
  /// The version to look at next, 0 at the end.
  var cursor: UInt32
}
