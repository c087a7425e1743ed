extension RegionDictionary {
  /// The dictionary in the live heap, for reading and writing, for as long as one expression lasts.
  ///
  /// It cannot be kept: `heap[dictionary]` lends it.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    @usableFromInline let allocator: Allocator
    @usableFromInline var fields: HashFields

    @inlinable
    @_lifetime(immortal)
    init(_ dictionary: RegionDictionary, in allocator: Allocator) {
      self.allocator = allocator
      fields = dictionary.fields(in: allocator.memory.readable)
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

    /// The value of a key that there is, for reading and writing in place. Traps if there is none.
    ///
    /// - Complexity: O(1) on average.
    @inlinable
    public subscript(existing key: Key) -> Value {
      get { Entry.value(at: existing(key), memory) }
      unsafeMutableAddress {
        unsafe allocator.memory.address(
          at: existing(key) &+ Entry.layout.valueOffset, as: Value.self)
      }
    }

    @inlinable
    func existing(_ key: Key) -> Int {
      guard let offset = Entry.offset(of: key, fields, memory) else {
        trap("the dictionary has no entry with this key")
      }
      return offset
    }

    /// Whether there is an entry with this key.
    @inlinable
    public func contains(_ key: Key) -> Bool { reader.contains(key) }

    /// Calls `body` with each entry, in no order that means anything.
    @inlinable
    public func forEach<Failure: Error>(
      _ body: (_ key: Key, _ value: Value) throws(Failure) -> Void
    ) throws(Failure) {
      try reader.forEach(body)
    }
  }
}

extension RegionDictionary.Reader {
  @inlinable
  @_lifetime(borrow owner)
  init<Owner: ~Copyable & ~Escapable>(
    fields: HashFields, in memory: HeapMemory, of owner: borrowing Owner
  ) {
    self.memory = memory
    self.fields = fields
  }
}
