/// How a heap's memory is used, at one moment.
public struct HeapStatistics: Sendable, Hashable, Codable {
  /// Blocks of one size.
  public struct SizeClass: Sendable, Hashable, Codable {
    /// The size of each block in bytes.
    public var byteCount = 0
    /// Blocks in use.
    public var blocks = 0
    /// Blocks that are free, in the same slabs.
    public var freeBlocks = 0
  }

  /// The capacity in bytes.
  public var byteCount = 0
  /// Bytes in blocks that are in use, rounded up to their sizes.
  public var bytesInUse = 0
  /// Bytes that can be allocated, in whole pages and in slabs.
  public var bytesFree = 0
  /// The largest block that can be allocated.
  public var largestFree = 0
  /// Bytes of the allocator's own tables, for the capacity.
  public var tableBytes = 0
  /// The pages of 4096 bytes that may hold memory: in use, or free and not given back.
  public var pagesTouched = 0
  /// Blocks of whole pages.
  public var largeBlocks = 0
  /// Blocks of less, by size.
  public var sizeClasses: [SizeClass] = []
  /// Containers in the heap, the list of names included.
  public var containers = 0
}

extension RegionHeap {
  /// How the heap's memory is used.
  ///
  /// - Complexity: O(pages that were ever used), 64 bytes each.
  public var statistics: HeapStatistics {
    let found = allocator.walk()
    var result = HeapStatistics()
    result.byteCount = byteCount
    let pageSize = HeapLayout.pageSize
    let tablePages = HeapLayout.firstPage(pageCount: byteCount / pageSize)
    result.tableBytes = tablePages * pageSize
    result.bytesInUse = found.pagesInRuns * pageSize
    result.bytesFree = found.freePages * pageSize
    result.largestFree = found.largestFree * pageSize
    result.pagesTouched = byteCount / pageSize - tablePages - found.cleanPages
    result.largeBlocks = found.runs
    for (index, sizeClass) in found.classes.enumerated() {
      let size = SizeClass.slotSize(index)
      result.bytesInUse += sizeClass.blocks * size
      result.bytesFree += sizeClass.freeBlocks * size
      if index == SizeClass.headers {
        result.containers = sizeClass.blocks
      } else if sizeClass.slabs > 0 {
        result.sizeClasses.append(
          HeapStatistics.SizeClass(
            byteCount: size, blocks: sizeClass.blocks, freeBlocks: sizeClass.freeBlocks))
        if sizeClass.freeBlocks > 0 { result.largestFree = max(result.largestFree, size) }
      }
    }
    return result
  }
}
