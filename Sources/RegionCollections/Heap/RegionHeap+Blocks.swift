extension RegionHeap {
  /// A block of at least `byteCount` bytes: its offset in the heap, never zero. Its content is undefined.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes.
  ///   - alignment: A power of two; 16 at the least is kept anyway.
  /// - Throws: `.outOfMemory`; everything is as it was.
  /// - Complexity: O(1). Dirties a page of the allocator's table; large blocks are whole pages.
  public mutating func allocate(
    byteCount: Int, alignment: Int = 16
  ) throws(RegionHeapError) -> Int {
    try allocator.allocate(byteCount, alignment: alignment)
  }

  /// Gives a block back. Traps if there is none at `offset`.
  ///
  /// - Complexity: O(1); from time to time, free pages are given back to the system.
  public mutating func deallocate(_ offset: Int) { allocator.deallocate(offset) }

  /// A block with the content of the one at `offset`, as far as both reach, which is gone or is the same.
  ///
  /// - Throws: `.outOfMemory`; the block is as it was.
  /// - Complexity: O(1) where the block can stay; O(bytes) otherwise.
  public mutating func reallocate(
    _ offset: Int, byteCount: Int, alignment: Int = 16
  ) throws(RegionHeapError) -> Int {
    try allocator.reallocate(offset, byteCount, alignment: alignment)
  }

  /// How many bytes the block at `offset` has room for. Traps if there is no block.
  public func usableSize(of offset: Int) -> Int { allocator.usableSize(offset) }

  /// Bytes of the heap, for as long as it is not written to. Traps outside the heap.
  @_lifetime(borrow self)
  public func bytes(in range: Range<Int>) -> RawSpan {
    allocator.memory.readable.bytes(at: range.lowerBound, count: range.count, of: self)
  }

  /// Bytes of the heap, for writing. Traps outside the heap. Write to blocks that you allocated.
  @_lifetime(&self)
  public mutating func mutableBytes(in range: Range<Int>) -> MutableRawSpan {
    allocator.memory.mutableBytes(at: range.lowerBound, count: range.count, of: &self)
  }

  /// Gives free pages back to the system now, which happens by itself when there are many.
  ///
  /// - Complexity: O(free pages that hold memory); those that snapshots need are copied first.
  public mutating func giveBackFreePages() {
    allocator.runs.giveBack(until: 0, fewest: 1)
  }
}

extension HeapSnapshot {
  /// Bytes of the heap as of the snapshot. Traps outside the heap.
  @_lifetime(borrow self)
  public func bytes(in range: Range<Int>) -> RawSpan {
    memory.bytes(at: range.lowerBound, count: range.count, of: self)
  }
}
