extension RegionBytes {
  /// Bytes as of a snapshot.
  @safe
  public struct Reader: ~Escapable {
    private let memory: HeapMemory
    private let fields: BytesFields

    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      _ bytes: RegionBytes, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      fields = BytesFields(bytes, in: memory)
    }

    /// How many bytes there are.
    public var count: Int { fields.count }

    /// The bytes, without a copy.
    public var bytes: RawSpan {
      @_lifetime(copy self)
      get { memory.bytes(at: fields.start, count: fields.count, of: self) }
    }

    /// The bytes as a string; what is not UTF-8 is repaired.
    public var string: String { String(decoding: array, as: UTF8.self) }

    /// A copy of the bytes.
    public var array: [UInt8] { memory.array(at: fields.start, count: fields.count) }
  }

  /// Bytes in the live heap, for as long as one expression lasts.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    private let allocator: Allocator
    private var fields: BytesFields

    /// Who lends it bounds its life.
    @_lifetime(immortal)
    init(_ bytes: RegionBytes, in allocator: Allocator) {
      self.allocator = allocator
      fields = BytesFields(bytes, in: allocator.memory.readable)
    }

    /// How many bytes there are.
    public var count: Int { fields.count }

    /// Calls `body` with the bytes, without a copy.
    public func withBytes<Result, Failure: Error>(
      _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      try allocator.memory.readable.withBytes(at: fields.start, count: fields.count, body)
    }

    /// The bytes as a string; what is not UTF-8 is repaired.
    public var string: String { String(decoding: array, as: UTF8.self) }

    /// A copy of the bytes.
    public var array: [UInt8] {
      allocator.memory.readable.array(at: fields.start, count: fields.count)
    }

    /// Puts other bytes in their place.
    ///
    /// - Throws: `.outOfMemory`; the bytes are as they were.
    /// - Complexity: O(bytes); their block stays where it is if they fit.
    @_lifetime(self: copy self)
    public mutating func set(_ bytes: RawSpan) throws(RegionHeapError) {
      let count = bytes.byteCount
      let memory = allocator.memory
      let old = fields.block
      var block = old
      if old == 0 ? count > BytesFields.inlineCount : count > allocator.usableSize(old) {
        // A new block first: the bytes may come from the old one.
        block = try allocator.allocate(count)
      }
      memory.copy(bytes, to: block == 0 ? fields.header + BytesFields.inlineOffset : block)
      memory.store(block, at: fields.header + BytesFields.blockOffset)
      memory.store(count, at: fields.header + BytesFields.countOffset)
      if old != 0, old != block { allocator.deallocate(old) }
      fields = BytesFields(at: fields.header, in: memory.readable)
    }

    /// Puts a string in their place, as UTF-8.
    ///
    /// - Throws: `.outOfMemory`; the bytes are as they were.
    @_lifetime(self: copy self)
    public mutating func set(_ string: String) throws(RegionHeapError) {
      let text = RawText(string)
      try set(text.bytes)
    }
  }
}
