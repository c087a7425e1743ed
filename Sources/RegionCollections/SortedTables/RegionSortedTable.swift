/// A handle of a sorted table in a heap: values of any bytes, found by keys of any bytes, in the order of the
/// keys' bytes.
///
/// ```swift
/// let log = try heap.sortedTable(named: "log")
/// try heap[log].updateValue("started", forKey: "2026-11-24")
/// let past = try heap.makeSnapshot()
/// for (key, value) in past.entries(of: log, from: Array("2026-11".utf8)) { print(key, value) }
/// ```
///
/// Keys are compared byte by byte, a shorter one first where it begins the other. Strings come in the order of their
/// UTF-8. For numbers to come in theirs, store them with the highest byte first, and of signed ones the highest bit the
/// other way round: `UInt64(bitPattern: number) ^ 1 << 63`, big-endian.
///
/// It is a B+ tree of nodes of 4096 bytes. Small entries lie in the leaves, so that an insertion writes to one
/// page, rarely to some more; large ones are blocks of their own.
@frozen
public struct RegionSortedTable: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline let handle: ContainerHandle

  @inlinable
  init(_ handle: ContainerHandle) { self.handle = handle }
}

/// The fields of a sorted table behind its container's header.
///
/// | offset | what |
/// |---|---|
/// | 32 | count of entries |
/// | 40 | offset of the root node; zero before the first entry |
/// | 48 | levels of nodes |
/// | 56 | count of nodes |
@usableFromInline
struct SortedFields: Sendable {
  @usableFromInline let header: Int
  @usableFromInline var count: Int
  @usableFromInline var root: Int
  @usableFromInline var depth: Int
  @usableFromInline var nodeCount: Int

  /// With four entries in each node, enough for all.
  @inlinable static var largestDepth: Int { 32 }

  @inlinable
  init(at header: Int, in memory: HeapMemory) {
    self.init(unchecked: header, in: memory)
    if !isPlausible { trap("a sorted table's fields contradict themselves: the heap is damaged") }
  }

  @inlinable
  init(unchecked header: Int, in memory: HeapMemory) {
    self.header = header
    let words: ContainerWords = memory.load(header)
    count = words.first
    root = words.second
    depth = words.third
    nodeCount = words.fourth
  }

  @inlinable
  var isPlausible: Bool {
    if count < 0 || nodeCount < 0 { return false }
    if root == 0 { return count == 0 && depth == 0 && nodeCount == 0 }
    return depth > 0 && depth <= SortedFields.largestDepth && nodeCount >= depth
  }

  func store(in memory: MutableHeapMemory) {
    memory.store(count, at: header + 32)
    memory.store(root, at: header + 40)
    memory.store(depth, at: header + 48)
    memory.store(nodeCount, at: header + 56)
  }

  /// The leaf that a key belongs to, the first slot there whose key is not before it, and whether it is that
  /// key.
  ///
  /// Numbers alone: a node that is returned is written to the stack and read back in other pieces, which waits
  /// for all that went before.
  @inlinable
  func find(
    _ key: RawSpan, _ head: UInt64, _ memory: HeapMemory
  ) -> (leaf: Int, position: Int, isFound: Bool) {
    let leaf = leaf(key, head, memory).offset
    let (position, isFound) = SortedNode.position(of: key, head, in: leaf, memory)
    return (leaf, position, isFound)
  }

  /// The leaf that a key belongs to.
  @inlinable
  @inline(__always)
  func leaf(_ key: RawSpan, _ head: UInt64, _ memory: HeapMemory) -> SortedNode {
    var node = SortedNode(root, isLeaf: depth == 1, memory)
    var level = depth
    while level > 1 {
      level &-= 1
      node = SortedNode(
        node.child(node.childPosition(key, head)), isLeaf: level == 1, memory)
    }
    return node
  }

  /// The first or the last leaf.
  @inlinable
  func outerLeaf(isLast: Bool, _ memory: HeapMemory) -> SortedNode {
    var node = SortedNode(root, isLeaf: depth == 1, memory)
    var level = depth
    while level > 1 {
      level &-= 1
      let position = isLast ? max(node.count &- 1, 0) : 0
      node = SortedNode(node.child(position), isLeaf: level == 1, memory)
    }
    return node
  }
}
