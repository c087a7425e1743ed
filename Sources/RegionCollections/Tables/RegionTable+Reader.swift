extension RegionTable {
  /// The table's content, as of a snapshot or of the heap that lends it.
  @safe
  public struct Reader: ~Escapable {
    @usableFromInline let memory: HeapMemory
    @usableFromInline let header: Int

    @inlinable @inline(__always)
    var fields: HashFields { HashFields(at: header, stride: 0, in: memory) }

    @inlinable
    @inline(__always)
    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      _ table: RegionTable, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      header = table.header(in: memory)
    }

    @inlinable
    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      at header: Int, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      self.header = header
    }

    /// How many entries there are.
    @inlinable
    public var count: Int { fields.count }

    /// Whether there are none.
    @inlinable
    public var isEmpty: Bool { fields.count == 0 }

    /// The bytes of a key's value, without a copy, if there is one.
    ///
    /// - Complexity: O(bytes of the key) on average.
    @inlinable
    @inline(__always)
    @_lifetime(copy self)
    public func bytes(forKey key: RawSpan) -> RawSpan? {
      guard let entry = find(key) else { return nil }
      return memory.bytes(at: entry.valueOffset, count: entry.valueCount, of: self)
    }

    /// Whether there is an entry with this key.
    @inlinable
    public func contains(_ key: RawSpan) -> Bool { find(key) != nil }

    @inlinable
    @inline(__always)
    func find(_ key: RawSpan) -> TableEntry? {
      TableEntry.find(key, fields, memory)
    }

    /// Calls `body` with each entry's bytes, in no order that means anything.
    @inlinable
    public func forEach<Failure: Error>(
      _ body: (_ key: RawSpan, _ value: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
      var cursor = HashCursor(fields)
      while let reference = cursor.next(in: memory) {
        let entry = TableEntry(reference, memory)
        try body(
          memory.bytes(at: entry.keyOffset, count: entry.keyCount, of: self),
          memory.bytes(at: entry.valueOffset, count: entry.valueCount, of: self))
      }
    }
  }

  /// Where the table is. Traps if the handle is of none in this memory.
  @inlinable
  @inline(__always)
  func header(in memory: HeapMemory) -> Int {
    ContainerHeader.check(handle, .table, values: .none, in: memory)
  }

  /// The fields of the table. Traps if the handle is of none in this memory.
  @inlinable
  @inline(__always)
  func fields(in memory: HeapMemory) -> HashFields {
    HashFields(at: header(in: memory), stride: 0, in: memory)
  }
}
