/// One side of a comparison: a sorted table in one memory.
struct SortedSide {
  let memory: HeapMemory
  let fields: SortedFields

  /// What is different between two sides, of which all that differs is in some pages.
  ///
  /// - Parameter ranges: The pages that were written to, ascending.
  static func differences(
    _ new: SortedSide, _ old: SortedSide, _ ranges: [Range<Int>]
  ) -> RegionDifferences<[UInt8]> {
    var result = RegionDifferences<[UInt8]>()
    let leaves = SortedCandidates.leaves(of: new, other: old, ranges)
    for leaf in leaves {
      new.forEachRecord(of: leaf) { key, record in
        new.compare(record, key, with: old, &result)
      }
    }
    // Values in blocks of their own change without a write to their leaf. A block may lie on several pages.
    var blocks = Set<Int>()
    for range in ranges {
      blocks.formUnion(ChangedBlocks.offsets(overlapping: range, in: new.memory))
    }
    for block in blocks {
      guard let (record, leaf) = new.entry(inBlock: block), !leaves.contains(leaf) else { continue }
      new.memory.withBytes(at: record.key, count: record.keyCount) { key in
        new.compare(record, key, with: old, &result)
      }
    }
    for leaf in SortedCandidates.leaves(of: old, other: new, ranges) {
      old.forEachRecord(of: leaf) { key, record in
        if new.find(key) == nil {
          result.removed.append(old.memory.array(at: record.key, count: record.keyCount))
        }
      }
    }
    result.added.sort { $0.lexicographicallyPrecedes($1) }
    result.removed.sort { $0.lexicographicallyPrecedes($1) }
    result.changed.sort { $0.lexicographicallyPrecedes($1) }
    return result
  }

  private func compare(
    _ record: SortedRecord, _ key: RawSpan, with old: SortedSide,
    _ result: inout RegionDifferences<[UInt8]>
  ) {
    guard let other = old.find(key)?.record else {
      result.added.append(memory.array(at: record.key, count: record.keyCount))
      return
    }
    let isSame = memory.withBytes(at: record.value, count: record.valueCount) { value in
      old.memory.withBytes(at: other.value, count: other.valueCount) {
        $0.hasSameBytes(as: value)
      }
    }
    if !isSame { result.changed.append(memory.array(at: record.key, count: record.keyCount)) }
  }

  private func forEachRecord(of leaf: Int, _ body: (RawSpan, SortedRecord) -> Void) {
    let node = SortedNode(leaf, isLeaf: true, memory)
    for position in 0..<node.count {
      let record = node.record(position)
      memory.withBytes(at: record.key, count: record.keyCount) { body($0, record) }
    }
  }

  private func find(_ key: RawSpan) -> (record: SortedRecord, leaf: Int)? {
    if fields.root == 0 { return nil }
    let head = SortedNode.head(of: key)
    let leaf = fields.leaf(key, head, memory)
    let (position, isFound) = leaf.position(of: key, head)
    return isFound ? (leaf.record(position), leaf.offset) : nil
  }

  /// The entry that has its key and value in a block, if it is one of this table. Blocks hold anything: only what is
  /// found counts.
  private func entry(inBlock block: Int) -> (record: SortedRecord, leaf: Int)? {
    guard memory.contains(block, count: TableEntry.headerSize) else { return nil }
    let counts: UInt64 = memory.load(block)
    let keyCount = Int(counts & 0xffff_ffff)
    let byteCount = TableEntry.headerSize + keyCount + Int(counts >> 32)
    guard byteCount > SortedNode.largestRecord, memory.contains(block, count: byteCount) else {
      return nil
    }
    return memory.withBytes(at: block + TableEntry.headerSize, count: keyCount) { key in
      find(key).flatMap { $0.record.block == block ? $0 : nil }
    }
  }

  /// Whether a node is one of this tree. Where it would be, a key tells that belongs into it.
  func contains(_ node: Int, isLeaf: Bool, key: [UInt8]) -> Bool {
    if fields.root == 0 { return false }
    let bytes = key.span.rawBytes
    let head = SortedNode.head(of: bytes)
    var level = fields.depth
    var current = fields.root
    while current != node {
      if level == 1 { return false }
      let inner = SortedNode(current, isLeaf: false, memory)
      current = inner.child(inner.childPosition(bytes, head))
      level -= 1
    }
    return isLeaf == (level == 1)
  }

  /// A key that belongs into what looks like a node, and whether that looks like a leaf. Never traps: the page may
  /// hold anything.
  func key(ofNode offset: Int) -> (key: [UInt8], isLeaf: Bool)? {
    var offset = offset
    var isLeaf: Bool?
    for _ in 0..<SortedFields.largestDepth {
      guard memory.contains(offset, count: SortedNode.size) else { return nil }
      let node = SortedNode(unchecked: offset, memory)
      guard node.isPlausible, node.count > 0 else { return nil }
      if isLeaf == nil { isLeaf = node.isLeaf }
      // The key in slot 0 of an inner node is of no account. One with a single child has that one's.
      let position = node.isLeaf || node.count == 1 ? 0 : 1
      let (start, isOutlined, size) = node.location(position)
      guard start >= SortedNode.headerSize, start + size <= SortedNode.size,
        size >= (isOutlined ? SortedNode.outlinedSize : SortedNode.recordHeaderSize)
      else { return nil }
      var key = offset + start + SortedNode.recordHeaderSize
      let counts: UInt32 = memory.load(offset + start)
      var keyCount = Int(counts & 0xffff)
      var valueCount = Int(counts >> 16)
      if isOutlined {
        let block = memory.loadInt(offset + start)
        guard memory.contains(block, count: TableEntry.headerSize) else { return nil }
        let counts: UInt64 = memory.load(block)
        key = block + TableEntry.headerSize
        keyCount = Int(counts & 0xffff_ffff)
        valueCount = Int(counts >> 32)
      }
      guard memory.contains(key, count: keyCount + valueCount) else { return nil }
      if node.isLeaf || node.count > 1 {
        return (memory.array(at: key, count: keyCount), isLeaf == true)
      }
      guard valueCount == 8 else { return nil }
      offset = memory.loadInt(key + keyCount)
    }
    return nil
  }
}

/// Finds the leaves of one side that may hold what the other has not: those on changed pages, and those that the
/// other tree does not have.
///
/// A leaf on a page that has not changed is one that the other tree has, unless a node above it has changed or is
/// none of the other tree: so it is enough to look at the children of such nodes. (A page that was taken for a
/// new leaf and by chance has the content that it had before counts as not changed.)
struct SortedCandidates {
  let side: SortedSide
  let other: SortedSide
  let ranges: [Range<Int>]
  var leaves = Set<Int>()

  static func leaves(
    of side: SortedSide, other: SortedSide, _ ranges: [Range<Int>]
  ) -> Set<Int> {
    var candidates = SortedCandidates(side: side, other: other, ranges: ranges)
    if side.fields.root != 0 { candidates.visit(side.fields.root) }
    for range in ranges {
      let start = range.lowerBound & ~(SortedNode.size - 1)
      for page in stride(from: start, to: range.upperBound, by: SortedNode.size) {
        candidates.inspect(page)
      }
    }
    return candidates.leaves
  }

  /// Looks at a changed page.
  private mutating func inspect(_ page: Int) {
    guard let (key, isLeaf) = side.key(ofNode: page),
      side.contains(page, isLeaf: isLeaf, key: key)
    else { return }
    add(page, isLeaf: isLeaf)
  }

  private mutating func add(_ node: Int, isLeaf: Bool) {
    if isLeaf {
      leaves.insert(node)
      return
    }
    let inner = SortedNode(node, isLeaf: false, side.memory)
    for position in 0..<inner.count { visit(inner.child(position)) }
  }

  /// Looks at a node of this tree: at all below it, if the other tree has it not.
  private mutating func visit(_ node: Int) {
    let isChanged = !HashSide.overlaps(ranges, node..<node + SortedNode.size).isEmpty
    // Changed pages are looked at one by one.
    guard !isChanged, let (key, isLeaf) = side.key(ofNode: node),
      !other.contains(node, isLeaf: isLeaf, key: key)
    else { return }
    add(node, isLeaf: isLeaf)
  }
}
