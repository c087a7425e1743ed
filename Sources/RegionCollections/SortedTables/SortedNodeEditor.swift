/// Writes to one node.
struct SortedNodeEditor {
  let offset: Int
  let memory: MutableHeapMemory

  @inline(__always)
  var node: SortedNode { SortedNode(unchecked: offset, memory.readable) }

  /// Makes a node without slots.
  func initialize(isLeaf: Bool) {
    memory.zero(offset, count: SortedNode.headerSize)
    memory.store(UInt16(isLeaf ? 1 : 2), at: offset)
    memory.store(UInt16(SortedNode.size), at: offset + 4)
  }

  @inline(__always)
  private func set(count: Int, start: Int, garbage: Int) {
    // As one word, as it is read: a word that was stored in parts is read when all of them have reached the
    // cache, and everything waits until then.
    let kind: UInt16 = memory.load(offset)
    memory.store(
      UInt64(kind) | UInt64(UInt16(truncatingIfNeeded: count)) << 16
        | UInt64(UInt16(truncatingIfNeeded: start)) << 32
        | UInt64(UInt16(truncatingIfNeeded: garbage)) << 48, at: offset)
  }

  func setNext(_ next: Int) { memory.store(next, at: offset + 8) }
  func setPrevious(_ previous: Int) { memory.store(previous, at: offset + 16) }

  @inline(__always)
  private func write(slot position: Int, head: UInt64, start: Int, isOutlined: Bool, size: Int) {
    let slot = node.slot(position)
    memory.store(head, at: slot)
    memory.store(
      UInt32(truncatingIfNeeded: start | (isOutlined ? SortedNode.outlinedBit : 0) | size << 16),
      at: slot + 8)
  }

  /// Room for a record and for so many more slots. The node has it, if not in one piece.
  @inline(__always)
  private func makeRoom(_ size: Int, slots: Int) -> Int {
    var node = node
    if node.start - node.slotsEnd < size + slots * SortedNode.slotSize {
      compact()
      node = self.node
    }
    let start = node.start - size
    guard start >= node.slotsEnd + slots * SortedNode.slotSize else {
      trap("a sorted table's node has less room than it says: the heap is damaged")
    }
    set(count: node.count, start: start, garbage: node.garbage)
    return start
  }

  /// Adds a slot before `position`, for a record of this size.
  ///
  /// - Returns: Where the record has to be written to.
  func insertSlot(at position: Int, head: UInt64, size: Int, isOutlined: Bool) -> Int {
    let start = makeRoom(size, slots: 1)
    let node = node
    memory.copy(
      from: node.slot(position), to: node.slot(position + 1),
      count: (node.count - position) * SortedNode.slotSize)
    set(count: node.count + 1, start: node.start, garbage: node.garbage)
    write(slot: position, head: head, start: start, isOutlined: isOutlined, size: size)
    return offset + start
  }

  /// Another record of another size for a slot.
  ///
  /// - Returns: Where the record has to be written to.
  func replaceRecord(at position: Int, size: Int, isOutlined: Bool) -> Int {
    let head = node.head(position)
    discardRecord(at: position)
    // Compacting must not keep the old one.
    write(slot: position, head: head, start: SortedNode.size, isOutlined: false, size: 0)
    let start = makeRoom(size, slots: 0)
    write(slot: position, head: head, start: start, isOutlined: isOutlined, size: size)
    return offset + start
  }

  private func discardRecord(at position: Int) {
    let node = node
    set(count: node.count, start: node.start, garbage: node.garbage + node.location(position).size)
  }

  func removeSlot(at position: Int) {
    discardRecord(at: position)
    let node = node
    memory.copy(
      from: node.slot(position + 1), to: node.slot(position),
      count: (node.count - position - 1) * SortedNode.slotSize)
    set(count: node.count - 1, start: node.start, garbage: node.garbage)
    if node.count == 1 { set(count: 0, start: SortedNode.size, garbage: 0) }
  }

  /// Removes all slots from `position` on.
  func truncate(to position: Int) {
    let node = node
    var garbage = node.garbage
    for removed in position..<max(node.count, position) { garbage += node.location(removed).size }
    set(count: position, start: node.start, garbage: garbage)
    if position == 0 { set(count: 0, start: SortedNode.size, garbage: 0) }
  }

  /// Copies another node's slot with its record to the end of this one.
  func append(_ source: SortedNode, _ position: Int) {
    let (start, isOutlined, size) = source.location(position)
    let target = insertSlot(
      at: node.count, head: source.head(position), size: size, isOutlined: isOutlined)
    memory.copy(from: source.offset + start, to: target, count: size)
  }

  /// Moves the records together at the node's end.
  private func compact() {
    let node = node
    let image = memory.readable.array(at: offset, count: SortedNode.size)
    var start = SortedNode.size
    for position in 0..<node.count {
      let (old, isOutlined, size) = node.location(position)
      guard old + size <= SortedNode.size, start - size >= node.slotsEnd else {
        trap("a sorted table's record is outside its node: the heap is damaged")
      }
      start -= size
      memory.copy(image.span.rawBytes.extracting(old..<old + size), to: offset + start)
      write(
        slot: position, head: node.head(position), start: start, isOutlined: isOutlined, size: size)
    }
    set(count: node.count, start: start, garbage: 0)
  }
}
