extension SortedEditor {
  /// Removes the entry of a key, and nodes that are empty or together fit into one.
  ///
  /// - Returns: Whether there was one.
  @usableFromInline
  mutating func remove(_ key: RawSpan) -> Bool {
    guard fields.root != 0 else { return false }
    let head = SortedNode.head(of: key)
    let leaf = fields.leaf(key, head, memory.readable)
    let (position, isFound) = leaf.position(of: key, head)
    guard isFound else { return false }
    let isSparse = leaf.usedBytes < SortedEditor.sparse
    // The path needs the key, which the record may be the only one to hold.
    let path = isSparse || leaf.count == 1 ? self.path(key, head) : []
    let block = leaf.record(position).block
    editor(leaf.offset).removeSlot(at: position)
    if block != 0 { allocator.deallocate(block) }
    fields.count -= 1
    memory.store(fields.count, at: fields.header + 32)
    if fields.count == 0 {
      reset()
    } else if !path.isEmpty {
      shrink(path)
    }
    return true
  }

  /// A node with less in it is joined with one beside it, if both fill no more than three quarters.
  private static var sparse: Int { SortedNode.size / 3 }
  private static var joined: Int { SortedNode.size * 3 / 4 }

  private mutating func shrink(_ path: [(node: Int, position: Int)]) {
    for index in stride(from: path.count - 1, through: 1, by: -1) {
      let isLeaf = index == path.count - 1
      let offset = path[index].node
      let (parent, position) = path[index - 1]
      let node = SortedNode(unchecked: offset, memory.readable)
      if node.count == 0 {
        if isLeaf { unlink(node) }
        removeChild(position, of: parent)
        release(offset)
      } else if !join(parent, position, isLeaf) {
        break
      }
    }
    while fields.depth > 1 {
      let root = SortedNode(fields.root, isLeaf: false, memory.readable)
      guard root.count == 1 else { break }
      let child = root.child(0)
      removeChild(0, of: root.offset)
      release(root.offset)
      fields.root = child
      fields.depth -= 1
    }
    fields.store(in: memory)
  }

  private mutating func release(_ node: Int) {
    allocator.deallocate(node)
    fields.nodeCount -= 1
  }

  private func unlink(_ leaf: SortedNode) {
    if leaf.previous != 0 { editor(leaf.previous).setNext(leaf.next) }
    if leaf.next != 0 { editor(leaf.next).setPrevious(leaf.previous) }
  }

  /// Takes a child's slot out of its parent; the separator's block is given back.
  private func removeChild(_ position: Int, of parent: Int) {
    let node = SortedNode(parent, isLeaf: false, memory.readable)
    let block = node.record(position).block
    editor(parent).removeSlot(at: position)
    if block != 0 { allocator.deallocate(block) }
  }

  /// Joins a child with the one behind it, or else before it. False if they do not fit into one.
  private mutating func join(_ parent: Int, _ position: Int, _ isLeaf: Bool) -> Bool {
    let node = SortedNode(parent, isLeaf: false, memory.readable)
    for left in [position, position - 1] where left >= 0 && left + 1 < node.count {
      let target = SortedNode(node.child(left), isLeaf: isLeaf, memory.readable)
      let source = SortedNode(node.child(left + 1), isLeaf: isLeaf, memory.readable)
      // The first key of an inner node comes down from its parent.
      let separator = isLeaf ? 0 : node.location(left + 1).size
      guard min(target.usedBytes, source.usedBytes) < SortedEditor.sparse,
        target.usedBytes + source.usedBytes + separator <= SortedEditor.joined
      else { continue }
      let filler = editor(target.offset)
      for index in 0..<source.count {
        if !isLeaf, index == 0 {
          moveDown(node, left + 1, child: source.child(0), to: filler)
        } else {
          filler.append(source, index)
        }
      }
      if isLeaf {
        unlink(source)
        removeChild(left + 1, of: parent)
      } else {
        // Its block went down with the key.
        dropFirstKey(of: source)
        editor(parent).removeSlot(at: left + 1)
      }
      release(source.offset)
      return true
    }
    return false
  }

  private func moveDown(
    _ parent: SortedNode, _ position: Int, child: Int, to filler: SortedNodeEditor
  ) {
    filler.append(parent, position)
    let record = filler.node.record(filler.node.count - 1)
    memory.store(child, at: record.value)
  }

  /// The key in slot 0 of an inner node is of no account; its block, if it has one, is.
  private func dropFirstKey(of node: SortedNode) {
    let block = node.record(0).block
    if block != 0 { allocator.deallocate(block) }
  }
}
