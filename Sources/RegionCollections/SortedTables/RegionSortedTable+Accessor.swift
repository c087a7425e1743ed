extension RegionSortedTable {
  /// The sorted table in the live heap, for reading and writing, for as long as one expression lasts.
  ///
  /// It cannot be kept: `heap[table]` lends it.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    @usableFromInline let allocator: Allocator
    @usableFromInline var fields: SortedFields

    @inlinable
    @_lifetime(immortal)
    init(_ table: RegionSortedTable, in allocator: Allocator) {
      self.allocator = allocator
      fields = table.fields(in: allocator.memory.readable)
    }

    @inlinable
    var memory: HeapMemory { allocator.memory.readable }

    /// The reading half. Not public: what lends the accessor does not bound it.
    @inlinable
    var reader: Reader {
      @_lifetime(borrow self)
      get { Reader(fields: fields, in: memory, of: self) }
    }

    /// How many entries there are.
    @inlinable
    public var count: Int { fields.count }

    /// Whether there are none.
    @inlinable
    public var isEmpty: Bool { fields.count == 0 }

    /// Whether there is an entry with this key.
    @inlinable
    public func contains(_ key: RawSpan) -> Bool { reader.contains(key) }

    /// Calls `body` with the bytes of a key's value, if there is one, without a copy.
    ///
    /// - Complexity: O(log(entries)).
    @inlinable
    public func withBytes<Result, Failure: Error>(
      forKey key: RawSpan, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
      guard let record = reader.find(key) else { return nil }
      return try memory.withBytes(at: record.value, count: record.valueCount, body)
    }

    /// Calls `body` with each entry's bytes in the order of the keys: those from `lower` on, and before
    /// `upper`, if they are given.
    @inlinable
    public func forEach<Failure: Error>(
      from lower: RawSpan? = nil, upTo upper: RawSpan? = nil,
      _ body: (_ key: RawSpan, _ value: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
      try reader.forEach(from: lower, upTo: upper, body)
    }

    /// Calls `body` with the same entries as `forEach`, the last one first.
    @inlinable
    public func forEachReversed<Failure: Error>(
      from lower: RawSpan? = nil, upTo upper: RawSpan? = nil,
      _ body: (_ key: RawSpan, _ value: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
      try reader.forEachReversed(from: lower, upTo: upper, body)
    }

    /// Gives a key a value: in place if it has as many bytes as the old one, or lies in a block that holds it.
    ///
    /// - Returns: Whether the key had one.
    /// - Throws: `.outOfMemory`; all entries are as they were. `.invalidArgument` for a key or a value of
    ///   4 GiB and more.
    /// - Complexity: O(log(entries)).
    @inlinable
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func updateValue(
      _ value: RawSpan, forKey key: RawSpan
    ) throws(RegionHeapError) -> Bool {
      var editor = SortedEditor(fields, in: allocator)
      // The root may be there even if the entry is not.
      defer { fields = editor.fields }
      return try editor.update(value, forKey: key)
    }

    /// Removes the entry of a key.
    ///
    /// - Returns: Whether there was one.
    /// - Complexity: O(log(entries)).
    @inlinable
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func removeValue(forKey key: RawSpan) -> Bool {
      var editor = SortedEditor(fields, in: allocator)
      let isRemoved = editor.remove(key)
      fields = editor.fields
      return isRemoved
    }

    /// Removes all entries, and gives their memory back.
    ///
    /// - Complexity: O(nodes and large entries).
    @_lifetime(self: copy self)
    public mutating func removeAll() {
      var editor = SortedEditor(fields, in: allocator)
      editor.reset()
      fields = editor.fields
    }
  }

  /// Makes an empty sorted table.
  static func make(in allocator: Allocator) throws(RegionHeapError) -> RegionSortedTable {
    let offset = try allocator.allocateHeader()
    let identity = ContainerHeader.make(
      .sortedTable, values: .none, at: offset, in: allocator.memory)
    return RegionSortedTable(ContainerHandle(offset: UInt64(offset), identity: identity))
  }

  /// Removes the sorted table with its entries.
  static func remove(_ table: RegionSortedTable, from allocator: Allocator) {
    SortedRemoval.remove(
      at: table.fields(in: allocator.memory.readable).header, from: allocator)
  }
}

/// Removes sorted tables.
enum SortedRemoval {
  /// - Parameter offset: Of a sorted table's checked header.
  static func remove(at offset: Int, from allocator: Allocator) {
    var editor = SortedEditor(
      SortedFields(at: offset, in: allocator.memory.readable), in: allocator)
    editor.reset()
    ContainerHeader.invalidate(offset, in: allocator.memory)
    allocator.deallocate(offset)
  }
}
