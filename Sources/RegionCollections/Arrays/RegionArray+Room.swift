extension RegionArray.Accessor {
  /// How many elements there is room for before the array grows.
  @inlinable
  public var capacity: Int { fields.capacity }

  /// Makes room for at least `capacity` elements.
  ///
  /// - Throws: `.outOfMemory`; the array is as it was.
  /// - Complexity: O(elements), unless there is room already or the block can grow where it is.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func reserveCapacity(_ capacity: Int) throws(RegionHeapError) {
    if capacity > fields.capacity { try setCapacity(capacity) }
  }

  /// Adds elements at the end.
  ///
  /// - Throws: `.outOfMemory`; the array is as it was.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func append(contentsOf elements: Span<Element>) throws(RegionHeapError) {
    let (count, overflows) = fields.count.addingReportingOverflow(elements.count)
    if overflows { throw .outOfMemory(.max) }
    // The elements may be this array's own only if they were copied: the heap is borrowed otherwise.
    if count > fields.capacity { try grow(toHold: count) }
    var offset = fields.offset(of: fields.count)
    for index in elements.indices {
      allocator.memory.store(elements[index], at: offset)
      offset += MemoryLayout<Element>.stride
    }
    setCount(count)
  }

  /// Adds elements at the end.
  ///
  /// - Throws: `.outOfMemory`; the elements before the one that found no room were added.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func append(
    contentsOf elements: some Sequence<Element>
  ) throws(RegionHeapError) {
    for element in elements { try append(element) }
  }

  /// Removes the last element and returns it; `nil` if there is none.
  @inlinable
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func popLast() -> Element? {
    guard fields.count > 0 else { return nil }
    return remove(at: fields.count - 1)
  }

  /// Removes elements at several positions, one after another. Traps if they are not the array's.
  ///
  /// - Complexity: O(elements behind them).
  @inlinable
  @_lifetime(self: copy self)
  public mutating func removeSubrange(_ range: Range<Int>) {
    if range.lowerBound < 0 || range.upperBound > fields.count {
      trapPosition(range.upperBound, fields.count)
    }
    allocator.memory.copy(
      from: fields.offset(of: range.upperBound), to: fields.offset(of: range.lowerBound),
      count: (fields.count - range.upperBound) * MemoryLayout<Element>.stride)
    setCount(fields.count - range.count)
  }

  /// Removes all elements, and gives their memory back.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func removeAll() {
    if fields.elements == 0 { return }
    allocator.memory.store(0, at: offset + ArrayFields<Element>.countOffset)
    allocator.memory.store(0, at: offset + ArrayFields<Element>.capacityOffset)
    allocator.memory.store(0, at: offset + ArrayFields<Element>.elementsOffset)
    allocator.deallocate(fields.elements)
    fields = ArrayFields(at: offset, in: allocator.memory.readable)
  }
}
