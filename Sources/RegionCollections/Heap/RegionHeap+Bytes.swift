extension RegionHeap {
  /// The bytes in the live heap, for reading and writing. Traps if the handle is of none.
  public subscript(bytes: RegionBytes) -> RegionBytes.Accessor {
    @_lifetime(immortal)
    _read {
      let accessor = RegionBytes.Accessor(bytes, in: allocator)
      yield accessor
    }
    @_lifetime(&self)
    _modify {
      var accessor = RegionBytes.Accessor(bytes, in: allocator)
      yield &accessor
    }
  }

  /// Copies bytes into the heap.
  ///
  /// - Throws: `.outOfMemory`.
  public mutating func makeBytes(_ bytes: RawSpan) throws(RegionHeapError) -> RegionBytes {
    try RegionBytes.make(bytes, in: allocator)
  }

  /// Copies bytes into the heap.
  ///
  /// - Throws: `.outOfMemory`.
  public mutating func makeBytes(_ bytes: [UInt8]) throws(RegionHeapError) -> RegionBytes {
    let text = RawText(bytes)
    return try RegionBytes.make(text.bytes, in: allocator)
  }

  /// Copies a string into the heap, as UTF-8.
  ///
  /// - Throws: `.outOfMemory`.
  public mutating func makeBytes(_ string: String) throws(RegionHeapError) -> RegionBytes {
    let text = RawText(string)
    return try RegionBytes.make(text.bytes, in: allocator)
  }

  /// Bytes, without a copy, for as long as the heap is not written to.
  @_lifetime(borrow self)
  public func span(of bytes: RegionBytes) -> RawSpan {
    RegionBytes.Reader(bytes, in: allocator.memory.readable, of: self).bytes
  }

  /// Bytes for writing; their number stays.
  @_lifetime(&self)
  public mutating func mutableSpan(of bytes: RegionBytes) -> MutableRawSpan {
    let fields = BytesFields(bytes, in: allocator.memory.readable)
    return allocator.memory.mutableBytes(at: fields.start, count: fields.count, of: &self)
  }

  /// Removes bytes. Their handles trap from now on.
  public mutating func remove(_ bytes: RegionBytes) {
    RegionBytes.remove(bytes, from: allocator)
  }
}

extension HeapSnapshot {
  /// The bytes as of the snapshot. Traps if the handle is of none that there were.
  public subscript(bytes: RegionBytes) -> RegionBytes.Reader {
    @_lifetime(borrow self)
    _read { yield RegionBytes.Reader(bytes, in: memory, of: self) }
  }
}
