extension RegionTable {
  /// The table in the live heap, for reading and writing, for as long as one expression lasts.
  ///
  /// It cannot be kept: `heap[table]` lends it.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    @usableFromInline let allocator: Allocator
    @usableFromInline var fields: HashFields

    @inlinable
    @_lifetime(immortal)
    init(_ table: RegionTable, in allocator: Allocator) {
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
    /// - Complexity: O(bytes of the key) on average.
    @inlinable
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
      let hash = RegionHash.hash(key, seed: HashFields.seed(of: memory))
      if let found = TableEntry.find(key, hash: hash, fields, memory) {
        try replace(found.entry, at: found.place, with: value, key)
        return true
      }
      try insert(value, key, hash)
      return false
    }
  }
}
