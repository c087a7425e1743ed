extension RegionHeap {
  /// Walks everything: the allocator's tables, the list of names, and every container, those included that
  /// no name stands for.
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
