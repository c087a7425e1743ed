internal import MemorySnapshots

extension HeapSnapshot {
  /// What was added, removed and changed in a table since an earlier snapshot. Only entries on pages that
  /// were written to are compared; entries that only moved are not reported.
  ///
  /// Traps if the table was not in the heap at the time of both: `contains(_:)` tells.
  ///
  /// - Throws: `.snapshotFailed`, as `MemorySnapshot.changedRanges(since:)`, and if either snapshot was given up or
  ///   released.
  /// - Complexity: O(what is on changed pages of the heap); for pages inside large blocks, also their length.
  public func differences(
    of table: RegionTable, since earlier: HeapSnapshot
  ) throws(RegionHeapError) -> RegionDifferences<[UInt8]> {
    let ranges = try changedRanges(since: earlier)
    let new = table.side(in: memory)
    let old = table.side(in: earlier.memory)
    var result = RegionDifferences<[UInt8]>()
    for reference in new.candidates(ranges, other: old.fields, otherMemory: old.memory) {
      let entry = TableEntry(reference, new.memory)
      let key = new.memory.array(at: entry.keyOffset, count: entry.keyCount)
      guard let other = TableEntry.find(key.span.rawBytes, old.fields, old.memory) else {
        result.added.append(key)
        continue
      }
      let isSame = new.memory.withBytes(at: entry.valueOffset, count: entry.valueCount) { value in
        old.memory.withBytes(at: other.valueOffset, count: other.valueCount) {
          $0.hasSameBytes(as: value)
        }
      }
      if !isSame { result.changed.append(key) }
    }
    for reference in old.candidates(ranges, other: new.fields, otherMemory: new.memory) {
      let entry = TableEntry(reference, old.memory)
      let key = old.memory.array(at: entry.keyOffset, count: entry.keyCount)
      if TableEntry.find(key.span.rawBytes, new.fields, new.memory) == nil {
        result.removed.append(key)
      }
    }
    return result
  }

  /// What was added, removed and changed in a dictionary since an earlier snapshot. Traps if it was not in the heap at
  /// the time of both.
  ///
  /// - Throws: `.snapshotFailed`, as `differences(of:since:)` of tables.
  /// - Parameters:
  ///   - dictionary: A handle of the dictionary.
  ///   - earlier: An earlier snapshot of the same heap.
  ///   - isSame: Whether two values are the same. Their bytes may differ in padding.
  public func differences<Key: Sendable, Value>(
    of dictionary: RegionDictionary<Key, Value>, since earlier: HeapSnapshot,
    by isSame: (Value, Value) -> Bool
  ) throws(RegionHeapError) -> RegionDifferences<Key> {
    typealias Entry = DictionaryEntry<Key, Value>
    let ranges = try changedRanges(since: earlier)
    let new = dictionary.side(in: memory)
    let old = dictionary.side(in: earlier.memory)
    var result = RegionDifferences<Key>()
    for reference in new.candidates(ranges, other: old.fields, otherMemory: old.memory) {
      let offset = Entry.offset(of: reference)
      let key = Entry.key(at: offset, new.memory)
      guard let other = Entry.offset(of: key, old.fields, old.memory) else {
        result.added.append(key)
        continue
      }
      if !isSame(Entry.value(at: offset, new.memory), Entry.value(at: other, old.memory)) {
        result.changed.append(key)
      }
    }
    for reference in old.candidates(ranges, other: new.fields, otherMemory: new.memory) {
      let key = Entry.key(at: Entry.offset(of: reference), old.memory)
      if Entry.offset(of: key, new.fields, new.memory) == nil { result.removed.append(key) }
    }
    return result
  }

  /// What was added, removed and changed in a sorted table since an earlier snapshot, in the order of the keys. See
  /// `differences(of:since:)` of tables.
  ///
  /// - Throws: `.snapshotFailed`, as `differences(of:since:)` of tables.
  /// - Complexity: O(entries on changed pages of the heap · log(entries)).
  public func differences(
    of table: RegionSortedTable, since earlier: HeapSnapshot
  ) throws(RegionHeapError) -> RegionDifferences<[UInt8]> {
    let ranges = try changedRanges(since: earlier)
    return SortedSide.differences(
      SortedSide(memory: memory, fields: table.fields(in: memory)),
      SortedSide(memory: earlier.memory, fields: table.fields(in: earlier.memory)), ranges)
  }

  /// Opens both, so that neither is given up meanwhile.
  private func changedRanges(since earlier: HeapSnapshot) throws(RegionHeapError) -> [Range<Int>] {
    try open()
    try earlier.open()
    do throws(SnapshotError) {
      return try memorySnapshot.changedRanges(since: earlier.memorySnapshot)
    } catch {
      throw RegionHeapError(error)
    }
  }
}

extension RegionTable {
  func side(in memory: HeapMemory) -> HashSide {
    let seed = HashFields.seed(of: memory)
    return HashSide(memory: memory, fields: fields(in: memory)) { reference in
      let start = reference << 4
      guard memory.contains(start, count: TableEntry.headerSize) else { return nil }
      let entry = TableEntry(reference, memory)
      guard memory.contains(start, count: entry.byteCount) else { return nil }
      return entry.hash(seed: seed, memory)
    }
  }
}

extension RegionDictionary {
  func side(in memory: HeapMemory) -> HashSide {
    let seed = HashFields.seed(of: memory)
    return HashSide(memory: memory, fields: fields(in: memory)) { reference in
      let offset = Entry.offset(of: reference)
      guard memory.contains(offset, count: Entry.layout.byteCount) else { return nil }
      return Entry.hash(of: reference, seed: seed, memory)
    }
  }
}
