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
/// The record is guarded by the region's control lock and its own atomics, and is freed in `deinit`.
public final class MemorySnapshot: Sendable {
  /// The region that this is a snapshot of.
  public let region: MemoryRegion
  let record: Reference<SnapshotRecord>
  let reader: SnapshotReader

  init(of region: MemoryRegion, _ record: Reference<SnapshotRecord>) {
    self.region = region
    self.record = record
    reader = SnapshotReader(region.state, epoch: record.value.epoch)
  }

  deinit {
    release()
    // The keeper may still be letting it go: all of it goes before the region can.
    if record.value.usage.isInvalidated, !region.isInForkedChild {
      region.state.value.finishDeparture()
    }
    unsafe record.free()
  }

  /// The number of bytes: the region's.
  public var byteCount: Int { region.byteCount }

  /// Whether the snapshot was given up because the store was full, or because writes have gone unseen
  /// (`SnapshotError.Code.protectionLost`). Reading it throws then; what an open view shows may be wrong
  /// in the latter case.
  public var isInvalidated: Bool {
    record.value.usage.isInvalidated
      || !region.isInForkedChild && region.state.value.protection.isLost()
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
    if record.value.usage.release() { region.state.value.drop(record) }
  }

  /// Keeps the snapshot's pre-images in place until `endUse()`.
  func beginUse(_ operation: String, asConsumer: Bool = false) throws(SnapshotError) {
    do throws(SnapshotUsage.Refusal) {
      try record.value.usage.begin(asConsumer: asConsumer)
    } catch {
      switch error {
      case .released: throw .released(operation)
      case .invalidated: throw .invalidated(operation)
      }
    }
  }

  func endUse() {
    if record.value.usage.end() { region.state.value.drop(record) }
  }
}
