extension RegionArray {
  /// The array's content, as of a snapshot or of the heap that lends it.
  @safe
  public struct Reader: ~Escapable {
    @usableFromInline let memory: HeapMemory
    @usableFromInline let fields: ArrayFields<Element>

    @inlinable
    @inline(__always)
    @_lifetime(borrow owner)
    init<Owner: ~Copyable & ~Escapable>(
      _ array: RegionArray, in memory: HeapMemory, of owner: borrowing Owner
    ) {
      self.memory = memory
      let offset = ContainerHeader.check(
        array.handle, .array, values: ElementType(Element.self), in: memory)
      fields = ArrayFields(at: offset, in: memory)
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

    /// The element at a position. Traps if there is none.
    @inlinable
    public subscript(position: Int) -> Element {
      fields.check(position)
      return memory.load(fields.offset(of: position))
    }

    /// All elements, one after another.
    @inlinable
    public var span: Span<Element> {
      @_lifetime(copy self)
      get { memory.elements(at: fields.elements, count: fields.count, as: Element.self, of: self) }
    }
  }
}
