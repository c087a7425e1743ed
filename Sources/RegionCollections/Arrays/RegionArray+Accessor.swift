extension RegionArray {
  /// The array in the live heap, for reading and writing, for as long as one expression lasts.
  ///
  /// It cannot be kept: `heap[array]` lends it. Each such expression checks the handle; for loops over the
  /// elements, take `heap.span(of:)` or `heap.mutableSpan(of:)` once.
  @safe
  public struct Accessor: ~Copyable, ~Escapable {
    @usableFromInline let allocator: Allocator
    /// Of the array's block.
    @usableFromInline let offset: Int
    @usableFromInline var fields: ArrayFields<Element>

    @inlinable
    @inline(__always)
    /// Who lends it bounds its life.
    @_lifetime(immortal)
    init(_ array: RegionArray, in allocator: Allocator) {
      self.allocator = allocator
      offset = ContainerHeader.check(
        array.handle, .array, values: ElementType(Element.self), in: allocator.memory.readable)
      fields = ArrayFields(at: offset, in: allocator.memory.readable)
    }

    /// How many elements there are.
    @inlinable
    public var count: Int { fields.count }

    /// Whether there are none.
    @inlinable
    public var isEmpty: Bool { fields.count == 0 }

    /// The positions of the elements.
    @inlinable
    public var indices: Range<Int> { 0..<fields.count }

    /// The element at a position, for reading and writing in place. Traps if there is none.
    @inlinable
    public subscript(position: Int) -> Element {
      get {
        fields.check(position)
        return allocator.memory.load(fields.offset(of: position))
      }
      unsafeMutableAddress {
        fields.check(position)
        return unsafe allocator.memory.address(at: fields.offset(of: position), as: Element.self)
      }
    }

    /// Calls `body` with all elements, one after another.
    @inlinable
    public func withSpan<Result: ~Copyable, Failure: Error>(
      _ body: (Span<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      try body(
        allocator.memory.readable.elements(
          at: fields.elements, count: fields.count, as: Element.self, of: self))
    }

    /// Calls `body` with all elements, for writing.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func withMutableSpan<Result: ~Copyable, Failure: Error>(
      _ body: (inout MutableSpan<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      var span = allocator.memory.mutableElements(
        at: fields.elements, count: fields.count, as: Element.self, of: &self)
      return try body(&span)
    }

    /// Adds an element at the end.
    ///
    /// - Throws: `.outOfMemory`; the array is as it was.
    /// - Complexity: O(1) on average: the room grows by an eighth at least.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(_ element: Element) throws(RegionHeapError) {
      if fields.count == fields.capacity { try grow(toHold: fields.count + 1) }
      allocator.memory.store(element, at: fields.offset(of: fields.count))
      setCount(fields.count + 1)
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func setCount(_ count: Int) {
      allocator.memory.store(count, at: offset + ArrayFields<Element>.countOffset)
      fields = ArrayFields(at: offset, in: allocator.memory.readable)
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func grow(toHold count: Int) throws(RegionHeapError) {
      do throws(RegionHeapError) {
        try setCapacity(max(count, fields.capacity + fields.capacity / 8, 4))
      } catch {
        try setCapacity(count)
      }
    }

    /// Moves the elements to a block that has room for `capacity`, which is not below their count.
    @inlinable
    @_lifetime(self: copy self)
    mutating func setCapacity(_ capacity: Int) throws(RegionHeapError) {
      let stride = MemoryLayout<Element>.stride
      let (byteCount, overflows) = capacity.multipliedReportingOverflow(by: stride)
      if overflows { throw .outOfMemory(.max) }
      let alignment = max(16, MemoryLayout<Element>.alignment)
      let elements =
        fields.elements == 0
        ? try allocator.allocate(byteCount, alignment: alignment)
        : try allocator.reallocate(fields.elements, byteCount, alignment: alignment)
      allocator.memory.store(elements, at: offset + ArrayFields<Element>.elementsOffset)
      allocator.memory.store(
        allocator.usableSize(elements) / stride, at: offset + ArrayFields<Element>.capacityOffset)
      fields = ArrayFields(at: offset, in: allocator.memory.readable)
    }
  }
}
