extension RegionHeap {
  /// Walks everything: the allocator's tables, the list of names, and every container, those included that
  /// no name stands for.
  ///
  /// Structure alone: that everything can be read, and holds together. What bits elements, keys and values have is not
  /// looked at, nor whether handles in them are of containers that there are: a bit of a value that is flipped goes
  /// unseen. Keep a checksum with a file to find that.
  ///
  /// For tests, and to look at a heap that comes from a file. It never traps, whatever the heap holds.
  ///
  /// - Throws: `.damaged`, with the first thing that is wrong in its message.
  /// - Complexity: O(pages that were ever used + entries of tables).
  public func checkConsistency() throws(RegionHeapError) {
    if let fault = HeapCheck.fault(allocator, header) {
      throw RegionHeapError(.damaged, "the heap is damaged: \(fault)")
    }
  }
}
