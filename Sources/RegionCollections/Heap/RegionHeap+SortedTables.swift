extension RegionHeap {
  /// The sorted table in the live heap, for reading and writing. Traps if the handle is of none.
  @inlinable
  public subscript(table: RegionSortedTable) -> RegionSortedTable.Accessor {
    @_lifetime(immortal)
    _read {
      let accessor = RegionSortedTable.Accessor(table, in: allocator)
      yield accessor
    }
    @_lifetime(&self)
    _modify {
      var accessor = RegionSortedTable.Accessor(table, in: allocator)
      yield &accessor
    }
  }

  /// Makes an empty sorted table that no name stands for.
  ///
  /// - Throws: `.outOfMemory`.
  public mutating func makeSortedTable() throws(RegionHeapError) -> RegionSortedTable {
    try RegionSortedTable.make(in: allocator)
  }

  /// The sorted table of a name, made if there is none.
  ///
  /// - Throws: `.otherType` if the name stands for something else, `.outOfMemory`.
  public mutating func sortedTable(named name: String) throws(RegionHeapError) -> RegionSortedTable
  {
    let handle = try place(
      name, .sortedTable, values: .none, keys: .none, type: .bytes
    ) { allocator throws(RegionHeapError) in
      try RegionSortedTable.make(in: allocator).handle
    } undo: { allocator, handle in
      RegionSortedTable.remove(RegionSortedTable(handle), from: allocator)
    }
    return RegionSortedTable(handle)
  }

  /// Removes a sorted table, and its name if it has one. The memory of its entries is free again. Its handles
  /// trap from now on.
  ///
  /// - Complexity: O(names + nodes).
  public mutating func remove(_ table: RegionSortedTable) {
    directory.removeName(of: table.handle, in: allocator)
    RegionSortedTable.remove(table, from: allocator)
  }

  /// The bytes of a key's value, without a copy, for as long as the heap is not written to.
  @inlinable
  @_lifetime(borrow self)
  public func bytes(forKey key: RawSpan, in table: RegionSortedTable) -> RawSpan? {
    let reader = RegionSortedTable.Reader(table, in: allocator.memory.readable, of: self)
    return reader.bytes(forKey: key)
  }
}

extension HeapSnapshot {
  /// The sorted table as of the snapshot. Traps if the handle is of none that there was.
  @inlinable
  public subscript(table: RegionSortedTable) -> RegionSortedTable.Reader {
    @inline(__always)
    @_lifetime(borrow self)
    _read { yield RegionSortedTable.Reader(table, in: memory, of: self) }
  }

  /// The sorted table of a name.
  ///
  /// - Throws: `.noSuchPlace` if there was none, `.otherType` if the name stood for something else.
  public func sortedTable(named name: String) throws(RegionHeapError) -> RegionSortedTable {
    RegionSortedTable(
      try place(name, .sortedTable, values: .none, keys: .none, type: .bytes))
  }

  /// Copies of the sorted table's entries as of the snapshot, which they retain, in the order of the keys:
  /// those from `lower` on and before `upper`, if they are given.
  public func entries(
    of table: RegionSortedTable, from lower: [UInt8]? = nil, upTo upper: [UInt8]? = nil
  ) -> RegionSortedEntries {
    RegionSortedEntries(table, in: self, from: lower, upTo: upper, isReversed: false)
  }

  /// The same entries as `entries(of:from:upTo:)`, the last one first.
  public func reversedEntries(
    of table: RegionSortedTable, from lower: [UInt8]? = nil, upTo upper: [UInt8]? = nil
  ) -> RegionSortedEntries {
    RegionSortedEntries(table, in: self, from: lower, upTo: upper, isReversed: true)
  }
}

/// Entries of a sorted table as of a snapshot, in the order of the keys or the other way round.
@safe
public struct RegionSortedEntries: Sequence, Sendable {
  private let snapshot: HeapSnapshot
  private let start: SortedCursor
  private let end: SortedCursor
  private let isReversed: Bool

  init(
    _ table: RegionSortedTable, in snapshot: HeapSnapshot, from lower: [UInt8]?,
    upTo upper: [UInt8]?, isReversed: Bool
  ) {
    self.snapshot = snapshot
    self.isReversed = isReversed
    let memory = snapshot.memory
    let fields = table.fields(in: memory)
    if let lower {
      start = SortedCursor(fields, from: lower.span.rawBytes, memory)
    } else {
      start = SortedCursor(fields, from: nil, memory)
    }
    if let upper {
      let isEmpty = lower.map { $0.span.rawBytes.compareBytes(with: upper.span.rawBytes) >= 0 }
      end = isEmpty == true ? start : SortedCursor(fields, end: upper.span.rawBytes, memory)
    } else {
      end = SortedCursor(fields, end: nil, memory)
    }
  }

  /// Begins anew.
  public func makeIterator() -> Iterator {
    Iterator(
      snapshot: snapshot, cursor: isReversed ? end : start, limit: isReversed ? start : end,
      isReversed: isReversed)
  }

  /// Goes through the entries.
  public struct Iterator: IteratorProtocol, Sendable {
    let snapshot: HeapSnapshot
    var cursor: SortedCursor
    let limit: SortedCursor
    let isReversed: Bool

    /// The next entry; `nil` after the last.
    public mutating func next() -> (key: [UInt8], value: [UInt8])? {
      let memory = snapshot.memory
      let found =
        isReversed
        ? cursor.previous(after: limit, memory) : cursor.next(before: limit, memory)
      guard let found else { return nil }
      let record = found.leaf.record(found.position)
      return (
        memory.array(at: record.key, count: record.keyCount),
        memory.array(at: record.value, count: record.valueCount)
      )
    }
  }
}
