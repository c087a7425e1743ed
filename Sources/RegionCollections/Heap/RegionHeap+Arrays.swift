extension RegionHeap {
  /// The array in the live heap, for reading and writing. Traps if the handle is of none.
  @inlinable
  public subscript<Element>(array: RegionArray<Element>) -> RegionArray<Element>.Accessor {
    // Immortal: depending on the heap, the compiler refuses it where the heap is a field of a value that is
    // only read. A value that is lent and not copyable cannot be kept, and it gives out no spans.
    @_lifetime(immortal)
    _read {
      let accessor = RegionArray<Element>.Accessor(array, in: allocator)
      yield accessor
    }
    @_lifetime(&self)
    _modify {
      var accessor = RegionArray<Element>.Accessor(array, in: allocator)
      yield &accessor
    }
  }

  /// Makes an empty array that no name stands for.
  ///
  /// - Throws: `.outOfMemory`.
  @inlinable
  public mutating func makeArray<Element: BitwiseCopyable>(
    of type: Element.Type
  ) throws(RegionHeapError) -> RegionArray<Element> {
    try RegionArray.make(in: allocator)
  }

  /// The array of a name, made if there is none.
  ///
  /// - Throws: `.otherType` if the name stands for something else, `.outOfMemory`.
  public mutating func array<Element: BitwiseCopyable>(
    of type: Element.Type, named name: String
  ) throws(RegionHeapError) -> RegionArray<Element> {
    let handle = try place(
      name, .array, values: ElementType(type), keys: .none, type: TypeName(type)
    ) { allocator throws(RegionHeapError) in
      try RegionArray<Element>.make(in: allocator).handle
    } undo: { allocator, handle in
      RegionArray<Element>.remove(RegionArray(handle), from: allocator)
    }
    return RegionArray(handle)
  }

  /// Removes an array, and its name if it has one. The memory of its elements is free again; what they
  /// are handles of stays. Its handles trap from now on.
  ///
  /// - Complexity: O(names).
  public mutating func remove<Element>(_ array: RegionArray<Element>) {
    directory.removeName(of: array.handle, in: allocator)
    RegionArray.remove(array, from: allocator)
  }

  /// All elements, for as long as the heap is not written to.
  @inlinable
  @_lifetime(borrow self)
  public func span<Element>(of array: RegionArray<Element>) -> Span<Element> {
    RegionArray<Element>.Reader(array, in: allocator.memory.readable, of: self).span
  }

  /// All elements, for writing.
  @inlinable
  @_lifetime(&self)
  public mutating func mutableSpan<Element>(of array: RegionArray<Element>) -> MutableSpan<Element>
  {
    let fields = RegionArray<Element>.Accessor(array, in: allocator).fields
    return allocator.memory.mutableElements(
      at: fields.elements, count: fields.count, as: Element.self, of: &self)
  }
}
