extension RegionArray.Accessor {
  /// Adds an element before `position`, or at the end.
  ///
  /// - Throws: `.outOfMemory`; the array is as it was.
  /// - Complexity: O(elements behind it).
  @inlinable
  @_lifetime(self: copy self)
  public mutating func insert(
    _ element: Element, at position: Int
  ) throws(RegionHeapError) {
    if position < 0 || position > fields.count { trapPosition(position, fields.count) }
    if fields.count == fields.capacity { try grow(toHold: fields.count + 1) }
    let stride = MemoryLayout<Element>.stride
    allocator.memory.copy(
      from: fields.offset(of: position), to: fields.offset(of: position + 1),
      count: (fields.count - position) * stride)
    allocator.memory.store(element, at: fields.offset(of: position))
    setCount(fields.count + 1)
  }

  /// Removes the element at `position` and returns it. Traps if there is none.
  ///
  /// - Complexity: O(elements behind it).
  @inlinable
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func remove(at position: Int) -> Element {
    fields.check(position)
    let element = allocator.memory.load(fields.offset(of: position), as: Element.self)
    allocator.memory.copy(
      from: fields.offset(of: position + 1), to: fields.offset(of: position),
      count: (fields.count - position - 1) * MemoryLayout<Element>.stride)
    setCount(fields.count - 1)
    return element
  }
}
