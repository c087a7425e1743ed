/// Hands out blocks of a heap by offset. A value: all its state lies in the heap.
///
/// Offsets are never zero. Blocks are aligned to 16 at the least. Nothing of it is safe to call from two
/// threads at once.
@usableFromInline
struct Allocator: Sendable {
  /// The live heap.
  @usableFromInline let memory: MutableHeapMemory

  @inlinable
  init(_ memory: MutableHeapMemory) { self.memory = memory }

  /// A block of at least `byteCount` bytes, whose content is undefined.
  ///
  /// - Parameter alignment: A power of two.
  /// - Throws: `.outOfMemory`; nothing has changed.
  @usableFromInline
  func allocate(_ byteCount: Int, alignment: Int = 16) throws(RegionHeapError) -> Int {
    let start = (memory.loadInt(HeapLayout.rootOffset) + alignment - 1) & ~(alignment - 1)
    let size = (byteCount + 15) & ~15
    guard memory.readable.contains(start, count: size + 16) else { throw .outOfMemory(byteCount) }
    memory.store(size, at: start)
    memory.store(start + 16 + size, at: HeapLayout.rootOffset)
    return start + 16
  }

  /// Gives a block back. Traps if there is none at `offset`.
  @usableFromInline
  func deallocate(_ offset: Int) {}

  /// A block with the content of the one at `offset` as far as both reach; that one is gone, or is the
  /// same.
  ///
  /// - Throws: `.outOfMemory`; the block is as it was.
  @usableFromInline
  func reallocate(
    _ offset: Int, _ byteCount: Int, alignment: Int = 16
  ) throws(RegionHeapError) -> Int {
    let old = usableSize(offset)
    let new = try allocate(byteCount, alignment: alignment)
    memory.copy(from: offset, to: new, count: min(old, byteCount))
    return new
  }

  /// How many bytes the block at `offset` has room for.
  @usableFromInline
  func usableSize(_ offset: Int) -> Int { memory.loadInt(offset - 16) }

  /// Makes the heap's memory, all zeros, ready to allocate from.
  func initialize() {
    let first = HeapLayout.firstPage(pageCount: memory.byteCount / HeapLayout.pageSize)
    memory.store(first * HeapLayout.pageSize, at: HeapLayout.rootOffset)
  }
}
