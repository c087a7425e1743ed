extension RegionDictionary {
  /// The dictionary in the live heap, for reading and writing, for as long as one expression lasts.
  ///
  /// It cannot be kept: `heap[dictionary]` lends it.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    @usableFromInline let allocator: Allocator
    /// Where the dictionary's fields are: they are read when they are needed. An accessor with copies of them would
    /// be written to the stack and read back in other pieces, which makes each access wait for the one before.
    @usableFromInline let header: Int

    @inlinable
    @inline(__always)
    @_lifetime(immortal)
    init(_ dictionary: RegionDictionary, in allocator: Allocator) {
      self.allocator = allocator
      header = dictionary.header(in: allocator.memory.readable)
    }

    @inlinable @inline(__always)
    var memory: HeapMemory { allocator.memory.readable }

    @inlinable @inline(__always)
    var fields: HashFields { HashFields(at: header, stride: Entry.layout.stride, in: memory) }

    /// The reading half. Not public: what lends the accessor does not bound it.
    @inlinable
    var reader: Reader {
      @_lifetime(borrow self)
      get { Reader(at: header, in: memory, of: self) }
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
    at header: Int, in memory: HeapMemory, of owner: borrowing Owner
  ) {
    self.memory = memory
    self.header = header
  }
}
