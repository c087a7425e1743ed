extension RegionDictionary.Accessor {
  @usableFromInline typealias Entry = DictionaryEntry<Key, Value>

  /// Gives a key a value, in place if it has one.
  ///
  /// - Returns: The value that it had.
  /// - Throws: `.outOfMemory`; the dictionary is as it was.
  /// - Complexity: O(1) on average; at most one bucket is split.
  @inlinable
  @inline(__always)
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func updateValue(
    _ value: Value, forKey key: Key
  ) throws(RegionHeapError) -> Value? {
    try RegionDictionary.update(value, key, header, allocator)
  }

  /// Removes the entry of a key.
  ///
  /// - Returns: The value that it had, if there was one.
  /// - Complexity: O(1) on average; at most two buckets are joined.
  @inlinable
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func removeValue(forKey key: Key) -> Value? {
    let memory = memory
    let seed = HashFields.seed(of: memory)
    let fields = fields
    guard let found = Entry.find(key, hash: key.hash(seed: seed), fields, memory) else {
      return nil
    }
    let offset = Entry.offset(of: found.reference)
    let value = Entry.value(at: offset, memory)
    var editor = HashEditor(fields, in: allocator)
    editor.clear(found)
    if !Entry.layout.isInline { allocator.deallocate(offset) }
    editor.shrinkIfEmpty { Entry.hash(of: $0, seed: seed, memory) }
    return value
  }

  /// Removes all entries, and gives their memory back.
  ///
  /// - Complexity: O(log(entries)); of entries that are blocks, O(entries).
  @_lifetime(self: copy self)
  public mutating func removeAll() {
    DictionaryRemoval.removeEntries(of: fields, from: allocator)
  }
}

extension RegionDictionary {
  /// Gives a key a value.
  @inlinable
  static func update(
    _ value: Value, _ key: Key, _ header: Int, _ allocator: Allocator
  ) throws(RegionHeapError) -> Value? {
    let memory = allocator.memory.readable
    let fields = HashFields(at: header, stride: Entry.layout.stride, in: memory)
    let hash = key.hash(seed: HashFields.seed(of: memory))
    if fields.bucketCount != 0 {
      let number = fields.bucket(of: hash)
      let tag = HashBucket.tag(of: hash, level: fields.level(ofBucket: number))
      let bucket = fields.offset(ofBucket: number, memory: memory)
      let found = fields.find(tag, from: bucket, in: memory) { reference in
        Entry.key(at: Entry.offset(of: reference), memory) == key
      }
      if let found {
        let offset = Entry.offset(of: found.reference)
        let old = Entry.value(at: offset, memory)
        allocator.memory.store(value, at: offset &+ Entry.layout.valueOffset)
        return old
      }
      // What lies in a bucket that has a place for it and need not be split is written here.
      let count = fields.count &+ 1
      if Entry.layout.isInline, !HashEditor.isFull(count, fields.bucketCount),
        let place = HashBucket.freePlace(at: bucket, memory)
      {
        Entry.write(
          key, value, at: fields.reference(place, at: bucket, memory), allocator.memory)
        allocator.memory.store(tag, at: bucket &+ place &* 2)
        allocator.memory.store(count, at: header &+ HashFields.countOffset)
        return nil
      }
    }
    try insert(value, key, hash, header, allocator)
    return nil
  }

  @inlinable
  @inline(never)
  static func insert(
    _ value: Value, _ key: Key, _ hash: UInt64, _ header: Int, _ allocator: Allocator
  ) throws(RegionHeapError) {
    let memory = allocator.memory.readable
    let layout = Entry.layout
    var editor = HashEditor(
      HashFields(at: header, stride: layout.stride, in: memory), in: allocator)
    let block =
      layout.isInline
      ? 0 : try allocator.allocate(layout.byteCount, alignment: max(16, layout.alignment))
    let place: HashPlace
    let isNewBucket: Bool
    do throws(RegionHeapError) {
      if block >> 4 >= HashFields.largestCount { throw .outOfMemory(layout.byteCount) }
      (place, isNewBucket) = try editor.makePlace(for: hash)
    } catch {
      if block != 0 { allocator.deallocate(block) }
      throw error
    }
    let reference =
      block == 0 ? editor.fields.reference(place.place, at: place.bucket, memory) : block >> 4
    Entry.write(key, value, at: Entry.offset(of: reference), allocator.memory)
    editor.fill(place, hash: hash, reference: reference)
    // What dirties pages for room leaves the split to the next insertion.
    if !isNewBucket {
      let seed = HashFields.seed(of: memory)
      editor.growIfFull { Entry.hash(of: $0, seed: seed, memory) }
    }
  }
}
