extension RegionArray {
  /// Makes an empty array.
  @usableFromInline
  static func make(in allocator: Allocator) throws(RegionHeapError) -> RegionArray {
    let offset = try allocator.allocateHeader()
    let identity = ContainerHeader.make(
      .array, values: ElementType(Element.self), at: offset, in: allocator.memory)
    return RegionArray(ContainerHandle(offset: UInt64(offset), identity: identity))
  }

  /// Removes the array and its elements' memory; what the elements are handles of stays.
  static func remove(_ array: RegionArray, from allocator: Allocator) {
    let offset = ContainerHeader.check(
      array.handle, .array, values: ElementType(Element.self), in: allocator.memory.readable)
    ArrayRemoval.remove(at: offset, from: allocator)
  }
}

/// Removes arrays whose element type is not known.
enum ArrayRemoval {
  /// - Parameter offset: Of an array's checked header.
  static func remove(at offset: Int, from allocator: Allocator) {
    let elements = allocator.memory.loadInt(offset + ArrayFields<UInt8>.elementsOffset)
    if elements != 0 { allocator.deallocate(elements) }
    ContainerHeader.invalidate(offset, in: allocator.memory)
    allocator.deallocate(offset)
  }
}
