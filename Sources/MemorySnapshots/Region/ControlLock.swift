/// The lock of a region's own operations: taking, releasing and invalidating snapshots, opening
/// and closing views.
///
/// The fault path never takes it. Even so, a fault may wait for its holder, by way of the keeper
/// that frees slots; so whoever holds it neither allocates, nor touches the region or memory of
/// the application, nor takes another lock, and its signals are blocked.
struct ControlLock: ~Copyable, Sendable {
  private let snapshots = FutexLock(LiveSnapshots())

  func withLock<Result, Failure: Error>(
    _ body: (inout LiveSnapshots) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    return try snapshots.withLock(body)
  }

  /// The same if nobody holds the lock: for the keeper, whom a long snapshot of one region must not
  /// keep from the others. Its signals are always blocked.
  func withLockIfAvailable<Result>(_ body: (inout LiveSnapshots) -> Result) -> Result? {
    snapshots.withLockIfAvailable(body)
  }
}

/// The live snapshots of a region, oldest first.
///
/// Safe to send: the records are reached under the control lock alone.
@safe
struct LiveSnapshots: @unchecked Sendable {
  private(set) var oldest: UnsafeMutablePointer<SnapshotRecord>?
  private(set) var newest: UnsafeMutablePointer<SnapshotRecord>?
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ record: UnsafeMutablePointer<SnapshotRecord>) {
    unsafe record.pointee.older = newest
    unsafe record.pointee.newer = nil
    if let newest = unsafe newest {
      unsafe newest.pointee.newer = record
    } else {
      unsafe oldest = record
    }
    unsafe newest = record
    count += 1
  }

  mutating func remove(_ record: UnsafeMutablePointer<SnapshotRecord>) {
    let older = unsafe record.pointee.older
    let newer = unsafe record.pointee.newer
    if let older = unsafe older {
      unsafe older.pointee.newer = newer
    } else {
      unsafe oldest = newer
    }
    if let newer = unsafe newer {
      unsafe newer.pointee.older = older
    } else {
      unsafe newest = older
    }
    count -= 1
  }
}
