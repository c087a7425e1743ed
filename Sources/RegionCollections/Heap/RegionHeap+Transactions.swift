internal import MemorySnapshots

extension RegionHeap {
  /// Keeps what `body` does if it returns, and leaves everything as it was before if it throws: containers,
  /// names and allocator.
  ///
  /// ```swift
  /// try heap.transaction { heap in
  ///   heap[accounts][from].balance -= amount
  ///   guard heap[accounts][from].balance >= 0 else { throw Overdrawn() }
  ///   heap[accounts][to].balance += amount
  /// }
  /// ```
  ///
  /// Transactions nest: an inner one that throws rolls back what it did itself. Handles of containers that
  /// were made in a transaction that threw trap. Other snapshots keep what they had.
  ///
  /// The transaction's snapshot is mapped as long as it lasts, and never given up. With
  /// `.invalidateOldestSnapshot`, a store that is full gives up others, and then exceeds its limit. With
  /// `.blockWriters` and a `storeLimit`, a writer would wait for its own transaction; so it does not begin
  /// unless all pages in use fit below the limit.
  ///
  /// - Parameter body: Gets this heap, which it must not replace.
  /// - Returns: What `body` returns.
  /// - Throws: `TransactionError.body` with what `body` throws; `TransactionError.heap` with `.storeFull` or
  ///   `.snapshotFailed` if it could not begin, or if rolling back failed: then the heap is in between, and
  ///   the message says so.
  /// - Complexity: A snapshot, and the pages that are touched.
  public mutating func transaction<Result: ~Copyable, Failure: Error>(
    _ body: (inout RegionHeap) throws(Failure) -> Result
  ) throws(TransactionError<Failure>) -> Result {
    let snapshot: HeapSnapshot
    do throws(RegionHeapError) {
      snapshot = try beginTransaction()
    } catch {
      throw .heap(error)
    }
    let region = region
    do throws(Failure) {
      let result = try body(&self)
      checkIsStill(region)
      snapshot.release()
      return result
    } catch {
      checkIsStill(region)
      do throws(SnapshotError) {
        try region.restore(to: snapshot.memorySnapshot)
      } catch let failure {
        throw .heap(
          RegionHeapError(
            .snapshotFailed,
            "the transaction could not be rolled back, and the heap is in between: \(failure)",
            snapshotError: failure))
      }
      snapshot.release()
      throw .body(error)
    }
  }

  private func beginTransaction() throws(RegionHeapError) -> HeapSnapshot {
    try checkRoom()
    let snapshot = try makeSnapshot()
    // A mapped snapshot is not given up.
    try snapshot.open()
    return snapshot
  }

  /// Throws if a writer might have to wait for room that only its own transaction could make.
  private func checkRoom() throws(RegionHeapError) {
    guard let limit = region.options.storeLimit, region.options.whenStoreIsFull == .blockWriters
    else { return }
    // No more than the capacity, whatever a damaged heap says.
    let frontier = AllocatorRoot(memory: allocator.memory).frontier
    let needed = min(frontier, byteCount / HeapLayout.pageSize) * HeapLayout.pageSize
    let kept = region.statistics.preservedBytes
    guard kept + needed <= limit else {
      throw RegionHeapError(
        .storeFull,
        "the store holds \(kept) of \(limit) bytes, and the transaction may need \(needed); raise "
          + "storeLimit, release snapshots, or set whenStoreIsFull to .invalidateOldestSnapshot")
    }
  }

  private func checkIsStill(_ region: MemoryRegion) {
    if self.region !== region { trap("the heap was replaced in its own transaction") }
  }
}
