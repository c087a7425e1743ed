extension SortedEditor {
  /// What a split takes from the allocator before anything is changed.
  private struct Reserve {
    var nodes: [Int] = []
    /// For a separator that is too long for a node; zero if there is none.
    var block = 0
  }

  /// What the parent of a node that was split gets.
  private struct Separator {
    var key: [UInt8]
    var block: Int
    var child: Int

    var size: Int {
      block != 0
        ? SortedNode.outlinedSize : SortedNode.recordHeaderSize + key.count + 8
    }
  }

  /// Splits a leaf that has no room for an entry, and all nodes above it that have none either.
  ///
  /// - Throws: `.outOfMemory`; everything is as it was, and the entry's block is given back.
  mutating func split(
    _ key: RawSpan, _ head: UInt64, isFound: Bool, _ record: SortedEntry, _ value: RawSpan
  ) throws(RegionHeapError) {
    let path = path(key, head)
    var reserve: Reserve
    do throws(RegionHeapError) {
      reserve = try self.reserve(path, key)
    } catch {
      if record.isOutlined { allocator.deallocate(record.block) }
      throw error
    }
    let leaf = path[path.count - 1].node
    if isFound {
      let position = SortedNode(leaf, isLeaf: true, memory.readable).position(of: key, head)
        .position
      let block = SortedNode(leaf, isLeaf: true, memory.readable).record(position).block
      editor(leaf).removeSlot(at: position)
      if block != 0 { allocator.deallocate(block) }
    }
    var separator: Separator? = splitLeaf(leaf, key, head, record, value, &reserve)
    for step in path.dropLast().reversed() {
      guard let current = separator else { break }
      separator = insert(current, in: step.node, at: step.position + 1, &reserve)
    }
    if let separator { growRoot(separator, &reserve) }
    for node in reserve.nodes { allocator.deallocate(node) }
    if reserve.block != 0 { allocator.deallocate(reserve.block) }
    fields.store(in: memory)
  }

  /// The nodes that the split may need: one for the leaf, and one for each node above it that may be full.
  private func reserve(
    _ path: [(node: Int, position: Int)], _ key: RawSpan
  ) throws(RegionHeapError) -> Reserve {
    let leaf = SortedNode(path[path.count - 1].node, isLeaf: true, memory.readable)
    var longest = key.byteCount
    for position in 0..<leaf.count { longest = max(longest, leaf.record(position).keyCount) }
    var count = 1
    var isSplitting = true
    var separatorSize = min(longest + 12, SortedNode.largestRecord) + SortedNode.slotSize
    for step in path.dropLast().reversed() where isSplitting {
      let node = SortedNode(step.node, isLeaf: false, memory.readable)
      isSplitting = node.freeBytes < separatorSize
      if isSplitting { count += 1 }
      // What moves up from an inner node is any of its keys.
      separatorSize = SortedNode.largestRecord + SortedNode.slotSize
    }
    if isSplitting { count += 1 }
    var reserve = Reserve()
    do throws(RegionHeapError) {
      for _ in 0..<count {
        reserve.nodes.append(
          try allocator.allocate(SortedNode.size, alignment: SortedNode.size))
      }
      if longest + 12 > SortedNode.largestRecord {
        reserve.block = try allocator.allocate(TableEntry.headerSize + longest + 8)
      }
    } catch {
      for node in reserve.nodes { allocator.deallocate(node) }
      throw error
    }
    return reserve
  }

  private mutating func takeNode(isLeaf: Bool, _ reserve: inout Reserve) -> SortedNodeEditor {
    guard let offset = reserve.nodes.popLast() else {
      trap("a sorted table's split needs more nodes than it should: the heap is damaged")
    }
    fields.nodeCount += 1
    let node = editor(offset)
    node.initialize(isLeaf: isLeaf)
    return node
  }

  private mutating func splitLeaf(
    _ offset: Int, _ key: RawSpan, _ head: UInt64, _ record: SortedEntry, _ value: RawSpan,
    _ reserve: inout Reserve
  ) -> Separator {
    let old = SortedNode(offset, isLeaf: true, memory.readable)
    let position = old.position(of: key, head).position
    let first = splitPosition(old, inserting: record.size, at: position)
    let left = editor(offset)
    let right = takeNode(isLeaf: true, &reserve)
    // Slots are counted as they will be, the new one included.
    for index in first...old.count {
      if index == position {
        let target = right.insertSlot(
          at: right.node.count, head: head, size: record.size, isOutlined: record.isOutlined)
        record.write(value, key, to: target, memory)
      } else {
        right.append(old, index < position ? index : index - 1)
      }
    }
    left.truncate(to: first <= position ? first : first - 1)
    if position < first {
      let target = left.insertSlot(
        at: position, head: head, size: record.size, isOutlined: record.isOutlined)
      record.write(value, key, to: target, memory)
    }
    right.setNext(old.next)
    right.setPrevious(offset)
    if old.next != 0 { editor(old.next).setPrevious(right.offset) }
    left.setNext(right.offset)
    return separator(between: left.node, right.node, &reserve)
  }

  /// Where the right node will begin, so that both are about as full; in ascending order, with the new one.
  private func splitPosition(_ node: SortedNode, inserting size: Int, at position: Int) -> Int {
    if position == node.count, node.next == 0, node.isLeaf { return position }
    let half = (node.usedBytes + size + SortedNode.slotSize) / 2
    var passed = 0
    for index in 0...node.count {
      let own =
        index == position ? size : node.location(index < position ? index : index - 1).size
      passed += own + SortedNode.slotSize
      // The node in whose middle the half lies goes to the emptier side.
      if passed >= half {
        let first = passed - half > (own + SortedNode.slotSize) / 2 ? index : index + 1
        return min(max(first, 1), node.count)
      }
    }
    return node.count
  }

  /// The shortest key that is behind all of one leaf, and not behind any of the next.
  private func separator(
    between left: SortedNode, _ right: SortedNode, _ reserve: inout Reserve
  ) -> Separator {
    let last = left.record(left.count - 1)
    let first = right.record(0)
    let lastKey = memory.readable.array(at: last.key, count: last.keyCount)
    let firstKey = memory.readable.array(at: first.key, count: first.keyCount)
    var common = 0
    while common < lastKey.count, common < firstKey.count, lastKey[common] == firstKey[common] {
      common += 1
    }
    let key = Array(firstKey.prefix(common + 1))
    var separator = Separator(key: key, block: 0, child: right.offset)
    if separator.size > SortedNode.largestRecord {
      separator.block = reserve.block
      reserve.block = 0
    }
    return separator
  }

  private func write(_ separator: Separator, in node: SortedNodeEditor, at position: Int) {
    let target = node.insertSlot(
      at: position, head: SortedNode.head(of: separator.key.span.rawBytes), size: separator.size,
      isOutlined: separator.block != 0)
    guard separator.block != 0 else {
      memory.store(UInt32(separator.key.count | 8 << 16), at: target)
      memory.copy(separator.key, to: target + SortedNode.recordHeaderSize)
      memory.store(
        separator.child, at: target + SortedNode.recordHeaderSize + separator.key.count)
      return
    }
    let entry = TableEntry(offset: separator.block, keyCount: separator.key.count, valueCount: 8)
    entry.writeCounts(memory)
    memory.copy(separator.key, to: entry.keyOffset)
    memory.store(separator.child, at: entry.valueOffset)
    memory.store(separator.block, at: target)
  }

  /// Adds a child to an inner node. Splits it if it is full.
  ///
  /// - Returns: What the node's own parent gets then.
  private mutating func insert(
    _ separator: Separator, in offset: Int, at position: Int, _ reserve: inout Reserve
  ) -> Separator? {
    let old = SortedNode(offset, isLeaf: false, memory.readable)
    let left = editor(offset)
    if separator.size + SortedNode.slotSize <= old.freeBytes {
      write(separator, in: left, at: position)
      return nil
    }
    let first = max(splitPosition(old, inserting: separator.size, at: position), 1)
    let right = takeNode(isLeaf: false, &reserve)
    var up = separator
    // The first key of the right node moves up; its child stays there, with no key.
    if first != position {
      let moved = first < position ? first : first - 1
      let record = old.record(moved)
      up = Separator(
        key: memory.readable.array(at: record.key, count: record.keyCount), block: record.block,
        child: old.child(moved))
    }
    write(Separator(key: [], block: 0, child: up.child), in: right, at: 0)
    up.child = right.offset
    for index in (first + 1)..<(old.count + 1) {
      if index == position {
        write(separator, in: right, at: right.node.count)
      } else {
        right.append(old, index < position ? index : index - 1)
      }
    }
    left.truncate(to: first <= position ? first : first - 1)
    if position < first { write(separator, in: left, at: position) }
    return up
  }

  private mutating func growRoot(_ separator: Separator, _ reserve: inout Reserve) {
    let root = takeNode(isLeaf: false, &reserve)
    write(Separator(key: [], block: 0, child: fields.root), in: root, at: 0)
    write(separator, in: root, at: 1)
    fields.root = root.offset
    fields.depth += 1
  }
}
