extension RegionDictionary {
  @usableFromInline typealias Entry = DictionaryEntry<Key, Value>

  /// The dictionary's content, as of a snapshot or of the heap that lends it.
  @safe
  public struct Reader: ~Escapable {
    @usableFromInline let memory: HeapMemory
    @usableFromInline let header: Int

    @inlinable @inline(__always)
    var fields: HashFields { HashFields(at: header, stride: Entry.layout.stride, in: memory) }

    @inlinable
    @inline(__always)
    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      _ dictionary: RegionDictionary, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      header = dictionary.header(in: memory)
    }

    /// How many entries there are.
    @inlinable
    public var count: Int { fields.count }

    /// Whether there are none.
    @inlinable
    public var isEmpty: Bool { fields.count == 0 }

    /// The value of a key, if there is one.
    ///
    /// - Complexity: O(1) on average.
    @inlinable
    public subscript(key: Key) -> Value? {
      @inline(__always)
      get {
        guard let offset = Entry.offset(of: key, fields, memory) else { return nil }
        return Entry.value(at: offset, memory)
      }
    }

    /// Whether there is an entry with this key.
    @inlinable
    public func contains(_ key: Key) -> Bool {
      Entry.offset(of: key, fields, memory) != nil
    }

    /// Calls `body` with each entry, in no order that means anything.
    @inlinable
    public func forEach<Failure: Error>(
      _ body: (_ key: Key, _ value: Value) throws(Failure) -> Void
    ) throws(Failure) {
      var cursor = HashCursor(fields)
      while let reference = cursor.next(in: memory) {
        let offset = Entry.offset(of: reference)
        try body(Entry.key(at: offset, memory), Entry.value(at: offset, memory))
      }
    }
  }

  /// Where the dictionary is. Traps if the handle is of none in this memory.
  @inlinable
  @inline(__always)
  func header(in memory: HeapMemory) -> Int {
    ContainerHeader.check(
      handle, .dictionary, values: ElementType(Value.self), keys: ElementType(Key.self), in: memory)
  }

  /// The fields of the dictionary. Traps if the handle is of none in this memory.
  @inlinable
  @inline(__always)
  func fields(in memory: HeapMemory) -> HashFields {
    HashFields(at: header(in: memory), stride: Entry.layout.stride, in: memory)
  }
}
