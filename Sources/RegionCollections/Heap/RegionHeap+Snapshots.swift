internal import MemorySnapshots

extension RegionHeap {
  /// Takes a snapshot: the heap's content at this instant. Copies nothing.
  ///
  /// - Throws: `.snapshotFailed`, as `MemoryRegion.makeSnapshot()`.
  /// - Complexity: As `MemoryRegion.makeSnapshot()`: O(pages written to since the last one).
  public func makeSnapshot() throws(RegionHeapError) -> HeapSnapshot {
    do {
      return HeapSnapshot(try region.makeSnapshot(), header)
    } catch {
      throw RegionHeapError(error)
    }
  }

  /// Rolls the heap back, containers and allocator included. Other snapshots stay as they are.
  ///
  /// Handles of containers made since the snapshot trap from now on.
  ///
  /// - Throws: `.snapshotFailed`, as `MemoryRegion.restore(to:)`.
  /// - Complexity: O(pages changed since the snapshot).
  public mutating func restore(to snapshot: HeapSnapshot) throws(RegionHeapError) {
    do {
      try region.restore(to: snapshot.memorySnapshot)
    } catch {
      throw RegionHeapError(error)
    }
  }
}
