/// Walks over a sorted table that may be damaged, without trapping, and names the first thing that is wrong.
struct SortedCheck {
  private let header: Int
  private let fields: SortedFields
  private let memory: HeapMemory
  private var leaves: [Int] = []
  private var nodes = 0
  private var entries = 0

  /// The first thing that is wrong with the sorted table at `offset`, in a sentence. Never traps.
  static func fault(
    at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims
  ) -> String? {
    var check = SortedCheck(offset, memory)
    return check.fault(&claims).map { "the sorted table at offset \(offset): \($0)" }
  }

  private init(_ header: Int, _ memory: HeapMemory) {
    self.header = header
    self.memory = memory
    fields = SortedFields(unchecked: header, in: memory)
  }

  private mutating func fault(_ claims: inout BlockClaims) -> String? {
    guard fields.isPlausible else { return "its counts contradict themselves" }
    guard fields.root != 0 else { return nil }
    if let fault = visit(fields.root, fields.depth, from: nil, upTo: nil, &claims) { return fault }
    for (index, leaf) in leaves.enumerated() {
      let node = SortedNode(unchecked: leaf, memory)
      guard node.previous == (index == 0 ? 0 : leaves[index - 1]),
        node.next == (index + 1 < leaves.count ? leaves[index + 1] : 0)
      else { return "the leaf at \(leaf) is linked with others than its neighbours" }
      if node.count == 0, leaves.count > 1 { return "the leaf at \(leaf) is empty" }
    }
    guard nodes == fields.nodeCount, entries == fields.count else {
      return "it has \(nodes) nodes and \(entries) entries, and counts \(fields.nodeCount) and "
        + "\(fields.count)"
    }
    return nil
  }

  private mutating func visit(
    _ offset: Int, _ level: Int, from lower: [UInt8]?, upTo upper: [UInt8]?,
    _ claims: inout BlockClaims
  ) -> String? {
    if let fault = claims.claim(offset, byteCount: SortedNode.size, by: header) { return fault }
    let node = SortedNode(unchecked: offset, memory)
    guard node.isPlausible, node.isLeaf == (level == 1) else {
      return "the node at \(offset) is none of level \(level)"
    }
    nodes += 1
    if level == 1 { leaves.append(offset) }
    var keys: [[UInt8]] = []
    var used = 0
    for position in 0..<node.count {
      let (key, fault) = record(node, position, &claims)
      guard let key else { return fault }
      used += node.location(position).size
      if level > 1, position == 0 {
        keys.append(lower ?? [])
        continue
      }
      if let fault = orderFault(key, behind: keys.last ?? lower, isFirst: keys.isEmpty, upper) {
        return "\(fault) in the node at \(offset)"
      }
      keys.append(key)
    }
    guard used + node.garbage == SortedNode.size - node.start else {
      return "the node at \(offset) has other records than it counts"
    }
    if level == 1 {
      entries += node.count
      return nil
    }
    for position in 0..<node.count {
      let end = position + 1 < node.count ? keys[position + 1] : upper
      let start = position == 0 ? lower : keys[position]
      if let fault = visit(node.child(position), level - 1, from: start, upTo: end, &claims) {
        return fault
      }
    }
    return nil
  }

  private func orderFault(
    _ key: [UInt8], behind last: [UInt8]?, isFirst: Bool, _ upper: [UInt8]?
  ) -> String? {
    if let last {
      let order = last.span.rawBytes.compareBytes(with: key.span.rawBytes)
      if order > 0 || order == 0 && !isFirst { return "keys are out of order" }
    }
    if let upper, key.span.rawBytes.compareBytes(with: upper.span.rawBytes) >= 0 {
      return "a key is behind its node's"
    }
    return nil
  }

  /// A slot's key, or what is wrong with it.
  private func record(
    _ node: SortedNode, _ position: Int, _ claims: inout BlockClaims
  ) -> (key: [UInt8]?, fault: String) {
    let (start, isOutlined, size) = node.location(position)
    let least = isOutlined ? SortedNode.outlinedSize : SortedNode.recordHeaderSize
    guard start >= node.start, start + size <= SortedNode.size, size >= least else {
      return (nil, "a record of the node at \(node.offset) is outside of it")
    }
    if isOutlined {
      let block = memory.loadInt(node.offset + start)
      guard memory.contains(block, count: TableEntry.headerSize) else {
        return (nil, "an entry's block at \(block) is outside the heap")
      }
      let counts: UInt64 = memory.load(block)
      let byteCount = TableEntry.headerSize + Int(counts & 0xffff_ffff) + Int(counts >> 32)
      if let fault = claims.claim(block, byteCount: byteCount, by: header) { return (nil, fault) }
    } else {
      let counts: UInt32 = memory.load(node.offset + start)
      guard Int(counts & 0xffff) + Int(counts >> 16) + SortedNode.recordHeaderSize <= size else {
        return (nil, "a record of the node at \(node.offset) is longer than its room")
      }
    }
    let record = node.record(position)
    guard node.isLeaf || record.valueCount == 8 else {
      return (nil, "a child of the node at \(node.offset) has no offset")
    }
    let key = memory.array(at: record.key, count: record.keyCount)
    guard SortedNode.head(of: key.span.rawBytes) == node.head(position) else {
      return (nil, "a slot of the node at \(node.offset) has another key than its record")
    }
    return (key, "")
  }
}
