extension RegionTable {
  /// Gives a key a value. Returns whether it had one.
  @usableFromInline
  static func update(
    _ value: RawSpan, forKey key: RawSpan, _ header: Int, _ allocator: Allocator
  ) throws(RegionHeapError) -> Bool {
    let memory = allocator.memory.readable
    let hash = RegionHash.hash(key, seed: HashFields.seed(of: memory))
    let fields = HashFields(at: header, stride: 0, in: memory)
    if let found = TableEntry.find(key, hash: hash, fields, memory) {
      try replace(found.entry, at: found.place, with: value, key, fields, allocator)
      return true
    }
    try insert(value, key, hash, fields, allocator)
    return false
  }

  /// A new entry's block with its key and value, which nothing refers to yet.
  private static func makeEntry(
    _ value: RawSpan, _ key: RawSpan, _ allocator: Allocator
  ) throws(RegionHeapError) -> TableEntry {
    let largest = Int(UInt32.max)
    guard key.byteCount <= largest, value.byteCount <= largest else {
      throw RegionHeapError(
        .invalidArgument, "a table's keys and values are smaller than 4 GiB; store it in parts")
    }
    let byteCount = TableEntry.headerSize + key.byteCount + value.byteCount
    let offset = try allocator.allocate(byteCount)
    guard offset >> 4 < HashFields.largestCount else {
      allocator.deallocate(offset)
      throw .outOfMemory(byteCount)
    }
    let entry = TableEntry(
      offset: offset, keyCount: key.byteCount, valueCount: value.byteCount)
    entry.writeCounts(allocator.memory)
    allocator.memory.copy(key, to: entry.keyOffset)
    allocator.memory.copy(value, to: entry.valueOffset)
    return entry
  }

  private static func replace(
    _ entry: TableEntry, at place: HashPlace, with value: RawSpan, _ key: RawSpan,
    _ fields: HashFields, _ allocator: Allocator
  ) throws(RegionHeapError) {
    let needed = TableEntry.headerSize + entry.keyCount + value.byteCount
    if value.byteCount == entry.valueCount
      || value.byteCount <= Int(UInt32.max) && needed <= allocator.usableSize(entry.offset)
    {
      let new = TableEntry(
        offset: entry.offset, keyCount: entry.keyCount, valueCount: value.byteCount)
      if value.byteCount != entry.valueCount { new.writeCounts(allocator.memory) }
      allocator.memory.copy(value, to: new.valueOffset)
      return
    }
    let new = try makeEntry(value, key, allocator)
    HashEditor(fields, in: allocator).replace(place, reference: new.reference)
    allocator.deallocate(entry.offset)
  }

  private static func insert(
    _ value: RawSpan, _ key: RawSpan, _ hash: UInt64, _ fields: HashFields,
    _ allocator: Allocator
  ) throws(RegionHeapError) {
    var editor = HashEditor(fields, in: allocator)
    let byteCount = TableEntry.headerSize + key.byteCount + value.byteCount
    let slab = allocator.currentSlab(holding: byteCount)
    let entry = try makeEntry(value, key, allocator)
    let isOfNewSlab = allocator.currentSlab(holding: byteCount) != slab
    let place: HashPlace
    let isNewBucket: Bool
    do throws(RegionHeapError) {
      (place, isNewBucket) = try editor.makePlace(for: hash)
    } catch {
      allocator.deallocate(entry.offset)
      throw error
    }
    editor.fill(place, hash: hash, reference: entry.reference)
    // What dirties pages for room leaves the split to the next insertion.
    if !isNewBucket, !isOfNewSlab || editor.isOverdue {
      let memory = allocator.memory.readable
      let seed = HashFields.seed(of: memory)
      editor.growIfFull { TableEntry($0, memory).hash(seed: seed, memory) }
    }
  }
}

extension RegionTable.Accessor {

  /// Removes the entry of a key.
  ///
  /// - Returns: Whether there was one.
  /// - Complexity: O(bytes of the key) on average.
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func removeValue(forKey key: RawSpan) -> Bool {
    let memory = memory
    let seed = HashFields.seed(of: memory)
    let hash = RegionHash.hash(key, seed: seed)
    let fields = fields
    guard let found = TableEntry.find(key, hash: hash, fields, memory) else { return false }
    var editor = HashEditor(fields, in: allocator)
    editor.clear(found.place)
    allocator.deallocate(found.entry.offset)
    editor.shrinkIfEmpty { TableEntry($0, memory).hash(seed: seed, memory) }
    return true
  }

  /// Removes all entries, and gives their memory back.
  ///
  /// - Complexity: O(entries).
  @_lifetime(self: copy self)
  public mutating func removeAll() {
    TableRemoval.removeEntries(of: fields, from: allocator)
  }
}

/// Removes tables.
enum TableRemoval {
  /// - Parameter offset: Of a table's checked header.
  static func remove(at offset: Int, from allocator: Allocator) {
    let fields = HashFields(at: offset, stride: 0, in: allocator.memory.readable)
    removeEntries(of: fields, from: allocator)
    ContainerHeader.invalidate(offset, in: allocator.memory)
    allocator.deallocate(offset)
  }

  static func removeEntries(of fields: HashFields, from allocator: Allocator) {
    var cursor = HashCursor(fields)
    while let reference = cursor.next(in: allocator.memory.readable) {
      allocator.deallocate(reference << 4)
    }
    var editor = HashEditor(fields, in: allocator)
    editor.reset()
  }
}

extension RegionTable {
  /// Makes an empty table.
  static func make(in allocator: Allocator) throws(RegionHeapError) -> RegionTable {
    let offset = try allocator.allocateHeader()
    let identity = ContainerHeader.make(
      .table, values: .none, at: offset, in: allocator.memory)
    return RegionTable(ContainerHandle(offset: UInt64(offset), identity: identity))
  }

  /// Removes the table with its entries.
  static func remove(_ table: RegionTable, from allocator: Allocator) {
    TableRemoval.remove(at: table.header(in: allocator.memory.readable), from: allocator)
  }
}
