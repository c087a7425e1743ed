extension RegionTable {
  /// The table in the live heap, for reading and writing, for as long as one expression lasts.
  ///
  /// It cannot be kept: `heap[table]` lends it.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    @usableFromInline let allocator: Allocator
    /// Where the table's fields are: they are read when they are needed. An accessor with copies of them would
    /// be written to the stack and read back in other pieces, which makes each access wait for the one before.
    @usableFromInline let header: Int

    @inlinable
    @inline(__always)
    @_lifetime(immortal)
    init(_ table: RegionTable, in allocator: Allocator) {
      self.allocator = allocator
      header = table.header(in: allocator.memory.readable)
    }

    @inlinable @inline(__always)
    var memory: HeapMemory { allocator.memory.readable }

    @inlinable @inline(__always)
    var fields: HashFields { HashFields(at: header, stride: 0, in: memory) }

    /// The reading half. Not public: what lends the accessor does not bound it.
    @inlinable
    var reader: Reader {
      @_lifetime(borrow self)
      get { Reader(at: header, in: memory, of: self) }
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
    /// - Complexity: O(bytes of the key) on average.
    @inlinable
    @inline(__always)
    public func withBytes<Result, Failure: Error>(
      forKey key: RawSpan, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
      guard let entry = TableEntry.find(key, fields, memory) else { return nil }
      return try memory.withBytes(at: entry.valueOffset, count: entry.valueCount, body)
    }

    /// Calls `body` with each entry's bytes, in no order that means anything.
    @inlinable
    public func forEach<Failure: Error>(
      _ body: (_ key: RawSpan, _ value: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
      try reader.forEach(body)
    }

    /// Gives a key a value: in place if it fits into the entry's block.
    ///
    /// - Returns: Whether the key had one.
    /// - Throws: `.outOfMemory`; the table is as it was. `.invalidArgument` for a key or a value of 4 GiB and
    ///   more.
    /// - Complexity: O(bytes) on average; at most one bucket is split.
    @inlinable
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func updateValue(
      _ value: RawSpan, forKey key: RawSpan
    ) throws(RegionHeapError) -> Bool {
      try RegionTable.update(value, forKey: key, header, allocator)
    }
  }
}
