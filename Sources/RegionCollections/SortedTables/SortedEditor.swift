/// Changes a sorted table.
@usableFromInline
struct SortedEditor {
  let allocator: Allocator
  @usableFromInline var fields: SortedFields

  @usableFromInline
  init(_ fields: SortedFields, in allocator: Allocator) {
    self.fields = fields
    self.allocator = allocator
  }

  var memory: MutableHeapMemory { allocator.memory }

  func editor(_ node: Int) -> SortedNodeEditor { SortedNodeEditor(offset: node, memory: memory) }

  /// Gives a key a value.
  ///
  /// - Returns: Whether the key had one.
  @usableFromInline
  mutating func update(
    _ value: RawSpan, forKey key: RawSpan
  ) throws(RegionHeapError) -> Bool {
    if fields.root == 0 { try start() }
    let head = SortedNode.head(of: key)
    let (offset, position, isFound) = fields.find(key, head, memory.readable)
    let leaf = SortedNode(unchecked: offset, memory.readable)
    if isFound, overwrite(leaf.record(position), with: value) { return true }
    let record = try SortedEntry(value, key, in: allocator)
    let room = isFound ? leaf.location(position).size : -SortedNode.slotSize
    if record.size <= leaf.freeBytes + room {
      let node = editor(leaf.offset)
      if isFound {
        let old = leaf.record(position).block
        record.write(
          value, key,
          to: node.replaceRecord(at: position, size: record.size, isOutlined: record.isOutlined),
          memory)
        if old != 0 { allocator.deallocate(old) }
      } else {
        record.write(
          value, key,
          to: node.insertSlot(
            at: position, head: head, size: record.size, isOutlined: record.isOutlined),
          memory)
      }
    } else {
      try split(key, head, isFound: isFound, record, value)
    }
    if !isFound {
      fields.count += 1
      memory.store(fields.count, at: fields.header + 32)
    }
    return isFound
  }

  /// Writes a value over another if it fits. False if it does not.
  private func overwrite(_ record: SortedRecord, with value: RawSpan) -> Bool {
    if value.byteCount != record.valueCount {
      let needed = TableEntry.headerSize + record.keyCount + value.byteCount
      guard record.block != 0, needed > SortedNode.largestRecord,
        value.byteCount <= Int(UInt32.max), needed <= allocator.usableSize(record.block)
      else { return false }
      TableEntry(
        offset: record.block, keyCount: record.keyCount, valueCount: value.byteCount
      ).writeCounts(memory)
    }
    memory.copy(value, to: record.value)
    return true
  }

  private mutating func start() throws(RegionHeapError) {
    let root = try allocator.allocate(SortedNode.size, alignment: SortedNode.size)
    editor(root).initialize(isLeaf: true)
    fields.root = root
    fields.depth = 1
    fields.nodeCount = 1
    fields.store(in: memory)
  }

  /// Gives all nodes and blocks back.
  @usableFromInline
  mutating func reset() {
    guard fields.root != 0 else { return }
    release(fields.root, level: fields.depth)
    fields.count = 0
    fields.root = 0
    fields.depth = 0
    fields.nodeCount = 0
    fields.store(in: memory)
  }

  private func release(_ offset: Int, level: Int) {
    let node = SortedNode(offset, isLeaf: level == 1, memory.readable)
    for position in 0..<node.count {
      if level > 1 { release(node.child(position), level: level - 1) }
      let block = node.record(position).block
      if block != 0 { allocator.deallocate(block) }
    }
    allocator.deallocate(offset)
  }

  /// The nodes from the root to a key's leaf, with the slots of the children.
  func path(_ key: RawSpan, _ head: UInt64) -> [(node: Int, position: Int)] {
    var path: [(node: Int, position: Int)] = []
    var offset = fields.root
    for level in stride(from: fields.depth, to: 1, by: -1) {
      let node = SortedNode(offset, isLeaf: level == 1, memory.readable)
      let position = node.childPosition(key, head)
      path.append((offset, position))
      offset = node.child(position)
    }
    path.append((offset, 0))
    return path
  }
}

/// A record before it lies in a node.
struct SortedEntry {
  let keyCount: Int
  let valueCount: Int
  /// Its block; zero if it lies in the node.
  let block: Int

  /// Decides where an entry will lie, and allocates its block if it has one. Writes nothing.
  init(_ value: RawSpan, _ key: RawSpan, in allocator: Allocator) throws(RegionHeapError) {
    keyCount = key.byteCount
    valueCount = value.byteCount
    let largest = Int(UInt32.max)
    guard keyCount <= largest, valueCount <= largest else {
      throw RegionHeapError(
        .invalidArgument, "a table's keys and values are smaller than 4 GiB; store it in parts")
    }
    let byteCount = SortedNode.recordHeaderSize + keyCount + valueCount
    block =
      byteCount <= SortedNode.largestRecord
      ? 0 : try allocator.allocate(TableEntry.headerSize + keyCount + valueCount)
  }

  var isOutlined: Bool { block != 0 }

  /// How many bytes it takes in the node.
  var size: Int {
    isOutlined
      ? SortedNode.outlinedSize : SortedNode.recordHeaderSize + keyCount + valueCount
  }

  /// Writes the record to its room in a node, and the entry to its block.
  func write(_ value: RawSpan, _ key: RawSpan, to target: Int, _ memory: MutableHeapMemory) {
    if isOutlined {
      let entry = TableEntry(offset: block, keyCount: keyCount, valueCount: valueCount)
      entry.writeCounts(memory)
      memory.copy(key, to: entry.keyOffset)
      memory.copy(value, to: entry.valueOffset)
      memory.store(block, at: target)
      return
    }
    memory.store(UInt32(keyCount | valueCount << 16), at: target)
    memory.copy(key, to: target + SortedNode.recordHeaderSize)
    memory.copy(value, to: target + SortedNode.recordHeaderSize + keyCount)
  }
}
