extension RegionSortedTable {
  /// The sorted table's content, as of a snapshot or of the heap that lends it.
  @safe
  public struct Reader: ~Escapable {
    @usableFromInline let memory: HeapMemory
    @usableFromInline let fields: SortedFields

    @inlinable
    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      _ table: RegionSortedTable, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      fields = table.fields(in: memory)
    }

    @inlinable
    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      fields: SortedFields, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      self.fields = fields
    }

    /// How many entries there are.
    @inlinable
    public var count: Int { fields.count }

    /// Whether there are none.
    @inlinable
    public var isEmpty: Bool { fields.count == 0 }

    /// The bytes of a key's value, without a copy, if there is one.
    ///
    /// - Complexity: O(log(entries)).
    @inlinable
    @_lifetime(copy self)
    public func bytes(forKey key: RawSpan) -> RawSpan? {
      guard let record = find(key) else { return nil }
      return memory.bytes(at: record.value, count: record.valueCount, of: self)
    }

    /// Whether there is an entry with this key.
    @inlinable
    public func contains(_ key: RawSpan) -> Bool { find(key) != nil }

    @inlinable
    func find(_ key: RawSpan) -> SortedRecord? {
      if fields.root == 0 { return nil }
      let head = SortedNode.head(of: key)
      let (leaf, position, isFound) = fields.find(key, head, memory)
      return isFound ? SortedNode(unchecked: leaf, memory).record(position) : nil
    }

    /// Calls `body` with each entry's bytes in the order of the keys: those from `lower` on, and before
    /// `upper`, if they are given.
    ///
    /// - Complexity: O(log(entries)), and O(1) for each entry that is passed.
    @inlinable
    public func forEach<Failure: Error>(
      from lower: RawSpan? = nil, upTo upper: RawSpan? = nil,
      _ body: (_ key: RawSpan, _ value: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
      if let lower, let upper, lower.compareBytes(with: upper) >= 0 { return }
      var cursor = SortedCursor(fields, from: lower, memory)
      let end = SortedCursor(fields, end: upper, memory)
      while let (leaf, position) = cursor.next(before: end, memory) {
        let record = leaf.record(position)
        try body(
          memory.bytes(at: record.key, count: record.keyCount, of: self),
          memory.bytes(at: record.value, count: record.valueCount, of: self))
      }
    }

    /// Calls `body` with the same entries as `forEach`, the last one first.
    @inlinable
    public func forEachReversed<Failure: Error>(
      from lower: RawSpan? = nil, upTo upper: RawSpan? = nil,
      _ body: (_ key: RawSpan, _ value: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
      if let lower, let upper, lower.compareBytes(with: upper) >= 0 { return }
      let start = SortedCursor(fields, from: lower, memory)
      var cursor = SortedCursor(fields, end: upper, memory)
      while let (leaf, position) = cursor.previous(after: start, memory) {
        let record = leaf.record(position)
        try body(
          memory.bytes(at: record.key, count: record.keyCount, of: self),
          memory.bytes(at: record.value, count: record.valueCount, of: self))
      }
    }
  }

  /// The fields of the sorted table. Traps if the handle is of none in this memory.
  @inlinable
  func fields(in memory: HeapMemory) -> SortedFields {
    SortedFields(
      at: ContainerHeader.check(handle, .sortedTable, values: .none, in: memory), in: memory)
  }
}

/// A gap between two entries of a sorted table: before slot `position` of a leaf.
@usableFromInline
struct SortedCursor: Sendable {
  @usableFromInline let fields: SortedFields
  /// Zero in an empty table.
  @usableFromInline var leaf: Int
  @usableFromInline var position: Int
  /// How many entries were passed.
  @usableFromInline var passed = 0

  /// Before the first entry whose key is not before `lower`; before all without one.
  @inlinable
  init(_ fields: SortedFields, from lower: RawSpan?, _ memory: HeapMemory) {
    self.fields = fields
    leaf = 0
    position = 0
    if fields.root == 0 { return }
    if let lower {
      seek(lower, memory)
    } else {
      leaf = fields.outerLeaf(isLast: false, memory).offset
    }
  }

  /// Before the first entry whose key is not before `upper`; behind all without one.
  @inlinable
  init(_ fields: SortedFields, end upper: RawSpan?, _ memory: HeapMemory) {
    self.fields = fields
    leaf = 0
    position = 0
    if fields.root == 0 { return }
    if let upper {
      seek(upper, memory)
    } else {
      let last = fields.outerLeaf(isLast: true, memory)
      leaf = last.offset
      position = last.count
    }
  }

  @inlinable
  mutating func seek(_ key: RawSpan, _ memory: HeapMemory) {
    let head = SortedNode.head(of: key)
    let node = fields.leaf(key, head, memory)
    leaf = node.offset
    position = node.position(of: key, head).position
    // Each gap between leaves has one name: before the first slot of the later one.
    if position == node.count, node.next != 0 {
      leaf = node.next
      position = 0
    }
  }

  /// Passes the next entry, unless `end` is reached.
  @inlinable
  mutating func next(
    before end: SortedCursor, _ memory: HeapMemory
  ) -> (leaf: SortedNode, position: Int)? {
    if leaf == 0 { return nil }
    var node = SortedNode(leaf, isLeaf: true, memory)
    while true {
      if leaf == end.leaf, position >= end.position { return nil }
      if position < node.count { break }
      if node.next == 0 { return nil }
      node = SortedNode(node.next, isLeaf: true, memory)
      leaf = node.offset
      position = 0
      if node.count == 0 { trap("a sorted table has an empty leaf: the heap is damaged") }
    }
    count()
    position &+= 1
    return (node, position &- 1)
  }

  /// Passes the entry before, unless `start` is reached.
  @inlinable
  mutating func previous(
    after start: SortedCursor, _ memory: HeapMemory
  ) -> (leaf: SortedNode, position: Int)? {
    if leaf == 0 { return nil }
    var node = SortedNode(leaf, isLeaf: true, memory)
    while true {
      if leaf == start.leaf, position <= start.position { return nil }
      if position > 0 { break }
      if node.previous == 0 { return nil }
      node = SortedNode(node.previous, isLeaf: true, memory)
      leaf = node.offset
      position = node.count
      if node.count == 0 { trap("a sorted table has an empty leaf: the heap is damaged") }
    }
    count()
    position &-= 1
    return (node, position)
  }

  @inlinable
  mutating func count() {
    passed &+= 1
    if passed > fields.count { trapCount(passed, fields.count) }
  }
}
