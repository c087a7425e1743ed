extension RegionHeap {
  /// The table in the live heap, for reading and writing. Traps if the handle is of none.
  @inlinable
  public subscript(table: RegionTable) -> RegionTable.Accessor {
    @_lifetime(immortal)
    _read {
      let accessor = RegionTable.Accessor(table, in: allocator)
      yield accessor
    }
    @_lifetime(&self)
    _modify {
      var accessor = RegionTable.Accessor(table, in: allocator)
      yield &accessor
    }
  }

  /// Makes an empty table that no name stands for.
  ///
  /// - Throws: `.outOfMemory`.
  public mutating func makeTable() throws(RegionHeapError) -> RegionTable {
    try RegionTable.make(in: allocator)
  }

  /// The table of a name, made if there is none.
  ///
  /// - Throws: `.otherType` if the name stands for something else, `.outOfMemory`.
  public mutating func table(named name: String) throws(RegionHeapError) -> RegionTable {
    let handle = try place(
      name, .table, values: .none, keys: .none, type: .bytes
    ) { allocator throws(RegionHeapError) in
      try RegionTable.make(in: allocator).handle
    } undo: { allocator, handle in
      RegionTable.remove(RegionTable(handle), from: allocator)
    }
    return RegionTable(handle)
  }

  /// Removes a table, and its name if it has one. The memory of its entries is free again. Its handles trap
  /// from now on.
  ///
  /// - Complexity: O(names + entries).
  public mutating func remove(_ table: RegionTable) {
    directory.removeName(of: table.handle, in: allocator)
    RegionTable.remove(table, from: allocator)
  }

  /// The bytes of a key's value, without a copy, for as long as the heap is not written to.
  @inlinable
  @_lifetime(borrow self)
  public func bytes(forKey key: RawSpan, in table: RegionTable) -> RawSpan? {
    let reader = RegionTable.Reader(table, in: allocator.memory.readable, of: self)
    return reader.bytes(forKey: key)
  }
}

extension HeapSnapshot {
  /// The table as of the snapshot. Traps if the handle is of none that there was.
  @inlinable
  public subscript(table: RegionTable) -> RegionTable.Reader {
    @inline(__always)
    @_lifetime(borrow self)
    _read { yield RegionTable.Reader(table, in: memory, of: self) }
  }

  /// The table of a name.
  ///
  /// - Throws: `.noSuchPlace` if there was none, `.otherType` if the name stood for something else.
  public func table(named name: String) throws(RegionHeapError) -> RegionTable {
    RegionTable(try place(name, .table, values: .none, keys: .none, type: .bytes))
  }

  /// Copies of the table's entries as of the snapshot, which they retain. `forEach` of the reader passes the
  /// bytes without copies.
  public func entries(of table: RegionTable) -> RegionTableEntries {
    RegionTableEntries(table, in: self)
  }
}

/// The entries of a table as of a snapshot, in no order that means anything.
@safe
public struct RegionTableEntries: Sequence, Sendable {
  let snapshot: HeapSnapshot
  let fields: HashFields

  init(_ table: RegionTable, in snapshot: HeapSnapshot) {
    self.snapshot = snapshot
    fields = table.fields(in: snapshot.memory)
  }

  /// How many entries there are.
  public var count: Int { fields.count }

  /// As `count`.
  public var underestimatedCount: Int { fields.count }

  /// Begins anew.
  public func makeIterator() -> Iterator {
    Iterator(snapshot: snapshot, cursor: HashCursor(fields))
  }

  /// Goes through the entries.
  public struct Iterator: IteratorProtocol, Sendable {
    let snapshot: HeapSnapshot
    var cursor: HashCursor

    /// The next entry; `nil` after the last.
    public mutating func next() -> (key: [UInt8], value: [UInt8])? {
      let memory = snapshot.memory
      guard let reference = cursor.next(in: memory) else { return nil }
      let entry = TableEntry(reference, memory)
      return (
        memory.array(at: entry.keyOffset, count: entry.keyCount),
        memory.array(at: entry.valueOffset, count: entry.valueCount)
      )
    }
  }
}
