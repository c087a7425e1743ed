extension RegionHeap {
  /// The dictionary in the live heap, for reading and writing. Traps if the handle is of none.
  @inlinable
  public subscript<Key, Value>(
    dictionary: RegionDictionary<Key, Value>
  ) -> RegionDictionary<Key, Value>.Accessor {
    @_lifetime(immortal)
    _read {
      let accessor = RegionDictionary<Key, Value>.Accessor(dictionary, in: allocator)
      yield accessor
    }
    @_lifetime(&self)
    _modify {
      var accessor = RegionDictionary<Key, Value>.Accessor(dictionary, in: allocator)
      yield &accessor
    }
  }

  /// Makes an empty dictionary that no name stands for.
  ///
  /// - Throws: `.outOfMemory`.
  @inlinable
  public mutating func makeDictionary<Key: RegionKey, Value: BitwiseCopyable>(
    from key: Key.Type, to value: Value.Type
  ) throws(RegionHeapError) -> RegionDictionary<Key, Value> {
    try RegionDictionary.make(in: allocator)
  }

  /// The dictionary of a name, made if there is none.
  ///
  /// - Throws: `.otherType` if the name stands for something else, `.outOfMemory`.
  public mutating func dictionary<Key: RegionKey, Value: BitwiseCopyable>(
    from key: Key.Type, to value: Value.Type, named name: String
  ) throws(RegionHeapError) -> RegionDictionary<Key, Value> {
    let handle = try place(
      name, .dictionary, values: ElementType(value), keys: ElementType(key),
      type: TypeName(key, value)
    ) { allocator throws(RegionHeapError) in
      try RegionDictionary<Key, Value>.make(in: allocator).handle
    } undo: { allocator, handle in
      RegionDictionary<Key, Value>.remove(RegionDictionary(handle), from: allocator)
    }
    return RegionDictionary(handle)
  }

  /// Removes a dictionary, and its name if it has one. The memory of its entries is free again; what their
  /// values are handles of stays. Its handles trap from now on.
  ///
  /// - Complexity: O(names).
  public mutating func remove<Key, Value>(_ dictionary: RegionDictionary<Key, Value>) {
    directory.removeName(of: dictionary.handle, in: allocator)
    RegionDictionary.remove(dictionary, from: allocator)
  }
}

extension HeapSnapshot {
  /// The dictionary as of the snapshot. Traps if the handle is of none that there was.
  @inlinable
  public subscript<Key, Value>(
    dictionary: RegionDictionary<Key, Value>
  ) -> RegionDictionary<Key, Value>.Reader {
    @inline(__always)
    @_lifetime(borrow self)
    _read { yield RegionDictionary<Key, Value>.Reader(dictionary, in: memory, of: self) }
  }

  /// The dictionary of a name.
  ///
  /// - Throws: `.noSuchPlace` if there was none, `.otherType` if the name stood for something else.
  public func dictionary<Key: RegionKey, Value: BitwiseCopyable>(
    from key: Key.Type, to value: Value.Type, named name: String
  ) throws(RegionHeapError) -> RegionDictionary<Key, Value> {
    RegionDictionary(
      try place(
        name, .dictionary, values: ElementType(value), keys: ElementType(key),
        type: TypeName(key, value)))
  }

  /// The dictionary's entries as of the snapshot, which they retain.
  @inlinable
  public func entries<Key, Value>(
    of dictionary: RegionDictionary<Key, Value>
  ) -> RegionDictionaryEntries<Key, Value> {
    RegionDictionaryEntries(dictionary, in: self)
  }
}

/// The entries of a dictionary as of a snapshot, in no order that means anything.
@safe
public struct RegionDictionaryEntries<Key: RegionKey, Value: BitwiseCopyable>: Sequence, Sendable {
  @usableFromInline let snapshot: HeapSnapshot
  @usableFromInline let fields: HashFields

  @inlinable
  init(_ dictionary: RegionDictionary<Key, Value>, in snapshot: HeapSnapshot) {
    self.snapshot = snapshot
    fields = dictionary.fields(in: snapshot.memory)
  }

  /// How many entries there are.
  @inlinable
  public var count: Int { fields.count }

  /// As `count`.
  @inlinable
  public var underestimatedCount: Int { fields.count }

  /// Begins anew.
  @inlinable
  public func makeIterator() -> Iterator { Iterator(snapshot, HashCursor(fields)) }

  /// Goes through the entries.
  public struct Iterator: IteratorProtocol, Sendable {
    @usableFromInline let snapshot: HeapSnapshot
    @usableFromInline var cursor: HashCursor

    @inlinable
    init(_ snapshot: HeapSnapshot, _ cursor: HashCursor) {
      self.snapshot = snapshot
      self.cursor = cursor
    }

    /// The next entry; `nil` after the last.
    @inlinable
    public mutating func next() -> (key: Key, value: Value)? {
      let memory = snapshot.memory
      guard let reference = cursor.next(in: memory) else { return nil }
      let offset = DictionaryEntry<Key, Value>.offset(of: reference)
      return (
        DictionaryEntry<Key, Value>.key(at: offset, memory),
        DictionaryEntry<Key, Value>.value(at: offset, memory)
      )
    }
  }
}
