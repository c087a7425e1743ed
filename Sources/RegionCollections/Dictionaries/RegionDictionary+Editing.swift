extension RegionDictionary.Accessor {
  @usableFromInline typealias Entry = DictionaryEntry<Key, Value>

  /// Gives a key a value, in place if it has one.
  ///
  /// - Returns: The value that it had.
  /// - Throws: `.outOfMemory`; the dictionary is as it was.
  /// - Complexity: O(1) on average; at most one bucket is split.
  @inlinable
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func updateValue(
    _ value: Value, forKey key: Key
  ) throws(RegionHeapError) -> Value? {
    let hash = key.hash(seed: HashFields.seed(of: memory))
    if let found = Entry.find(key, hash: hash, fields, memory) {
      let old = Entry.value(at: found.offset, memory)
      allocator.memory.store(value, at: found.offset &+ Entry.valueOffset)
      return old
    }
    try insert(value, key, hash)
    return nil
  }

  @inlinable
  @_lifetime(self: copy self)
  mutating func insert(_ value: Value, _ key: Key, _ hash: UInt64) throws(RegionHeapError) {
    let index = fields.count
    if index >= HashFields.largestCount { throw .outOfMemory(Entry.stride) }
    var editor = HashEditor(fields, in: allocator, listCount: 3)
    if fields.bucketCount == 0 { try editor.start() }
    let isNewSegment = try editor.ensureSegment(
      holding: index, in: .entries, base: Entry.base, unitSize: Entry.stride,
      alignment: max(16, Entry.alignment))
    let (place, isNewBucket) = try editor.makePlace(for: hash)
    let offset = editor.fields.offset(
      of: index, in: .entries, base: Entry.base, unitSize: Entry.stride, memory: memory)
    allocator.memory.store(key, at: offset)
    allocator.memory.store(value, at: offset &+ Entry.valueOffset)
    editor.fill(place, hash: hash, reference: index)
    // What dirties pages for room leaves the split to the next insertion.
    if !isNewSegment && !isNewBucket { grow(&editor) }
    fields = editor.fields
  }

  @inlinable
  func grow(_ editor: inout HashEditor) {
    let fields = editor.fields
    let memory = memory
    let seed = HashFields.seed(of: memory)
    editor.growIfFull { reference in
      Entry.key(at: Entry.offset(of: reference, fields, memory), memory).hash(seed: seed)
    }
  }

  /// Removes the entry of a key. The last entry moves into its place.
  ///
  /// - Returns: The value that it had, if there was one.
  /// - Complexity: O(1) on average.
  @inlinable
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func removeValue(forKey key: Key) -> Value? {
    let seed = HashFields.seed(of: memory)
    guard let found = Entry.find(key, hash: key.hash(seed: seed), fields, memory) else {
      return nil
    }
    let value = Entry.value(at: found.offset, memory)
    let last = fields.count &- 1
    var editor = HashEditor(fields, in: allocator, listCount: 3)
    if found.place.reference != last {
      let source = Entry.offset(of: last, fields, memory)
      let hash = Entry.key(at: source, memory).hash(seed: seed)
      guard let moved = fields.find(hash, in: memory, where: { $0 == last }) else {
        trap("a dictionary's last entry is in no bucket: the heap is damaged")
      }
      allocator.memory.copy(from: source, to: found.offset, count: Entry.stride)
      editor.replace(moved, reference: found.place.reference)
    }
    editor.clear(found.place)
    editor.releaseSegment(after: last, in: .entries, base: Entry.base)
    let fields = editor.fields
    let memory = memory
    editor.shrinkIfEmpty { reference in
      Entry.key(at: Entry.offset(of: reference, fields, memory), memory).hash(seed: seed)
    }
    self.fields = editor.fields
    return value
  }

  /// Removes all entries, and gives their memory back.
  ///
  /// - Complexity: O(log(entries)).
  @inlinable
  @_lifetime(self: copy self)
  public mutating func removeAll() {
    var editor = HashEditor(fields, in: allocator, listCount: 3)
    editor.reset()
    fields = editor.fields
  }
}
