internal import Synchronization
internal import SystemPackage

/// A region's content at one instant.
///
/// **What is seen.** Every byte as it was when `makeSnapshot()` was called, however often the region
/// has been written to, restored or discarded since.
///
/// **What writers pay.** One page fault for the first write to each page after a snapshot, and one
/// copied page, which all snapshots since the write before share.
///
/// **Lifetime.** Until `release()` or the last reference goes; it keeps its region alive, and a view
/// keeps the snapshot. A forgotten snapshot costs at most as much memory as the region has.
///
/// ```swift
/// let snapshot = try region.makeSnapshot()
/// defer { snapshot.release() }
/// try snapshot.copyBytes(in: 0..<4096, into: buffer)
/// ```
///
/// Every method may be called from any thread.
///
/// Safe to share: the record is guarded by the region's control lock and its own atomics, and is
/// freed in `deinit`.
@safe
public final class MemorySnapshot: @unchecked Sendable {
  /// The region that this is a snapshot of.
  public let region: MemoryRegion
  let record: UnsafeMutablePointer<SnapshotRecord>
  let reader: SnapshotReader

  init(of region: MemoryRegion, _ record: UnsafeMutablePointer<SnapshotRecord>) {
    self.region = region
    unsafe self.record = record
    reader = unsafe SnapshotReader(region: region.state, epoch: record.pointee.epoch)
  }

  deinit {
    release()
    // The keeper may still be letting it go: all of it goes before the region can.
    if unsafe record.pointee.usage.isInvalidated, !region.isInForkedChild {
      unsafe region.state.pointee.finishDeparture()
    }
    unsafe record.deinitialize(count: 1)
    unsafe record.deallocate()
  }

  /// The number of bytes: the region's.
  public var byteCount: Int { region.byteCount }

  /// Whether the snapshot was given up because the store was full, or because writes have gone unseen
  /// (`SnapshotError.Code.protectionLost`). Reading it throws then; what an open view shows may be wrong
  /// in the latter case.
  public var isInvalidated: Bool {
    unsafe record.pointee.usage.isInvalidated
      || !region.isInForkedChild && region.state.pointee.hasLostProtection()
  }

  /// Lets the snapshot go. Memory that no other snapshot needs is free at once, or as soon as
  /// readers that are under way and open views have finished. Calling it again has no effect. A
  /// snapshot that another thread takes meanwhile does not wait for all of it, but for 512 pages at
  /// the most.
  ///
  /// - Complexity: O(pages that this snapshot alone needed, and pages written to since that an older
  ///   one has a copy of).
  public func release() {
    guard !region.isInForkedChild else { return }
    region.audit()
    if unsafe record.pointee.usage.release() { unsafe region.state.pointee.drop(record) }
  }

  /// Keeps the snapshot's pre-images in place until `endUse()`.
  func beginUse(_ operation: String, asConsumer: Bool = false) throws(SnapshotError) {
    do throws(SnapshotUsage.Refusal) {
      try unsafe record.pointee.usage.begin(asConsumer: asConsumer)
    } catch {
      switch error {
      case .released: throw .released(operation)
      case .invalidated: throw .invalidated(operation)
      }
    }
  }

  func endUse() {
    if unsafe record.pointee.usage.end() { unsafe region.state.pointee.drop(record) }
  }

  /// Keeps the snapshot from being given up for as long as the caller may have to wait for room: the
  /// keeper would wait for the caller. In use.
  func pin() {
    unsafe region.state.pointee.control.withLock { _ in unsafe record.pointee.pinCount += 1 }
  }

  func unpin() {
    let state = unsafe region.state
    unsafe state.pointee.control.withLock { _ in
      unsafe record.pointee.pinCount -= 1
      unsafe state.pointee.limitIsLifted.store(false, ordering: .relaxed)
    }
    if unsafe state.pointee.isStarved.load(ordering: .acquiring) {
      unsafe state.pointee.store.pointee.callKeeper()
    }
  }
}
