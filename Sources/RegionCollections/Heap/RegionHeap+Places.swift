extension RegionHeap {
  /// Finds what a name stands for, or makes it.
  mutating func place(
    _ name: String, _ kind: ContainerKind, values: ElementType, keys: ElementType, type: String,
    make: (Allocator) throws(RegionHeapError) -> ContainerHandle,
    undo: (Allocator, ContainerHandle) -> Void
  ) throws(RegionHeapError) -> ContainerHandle {
    let directory = directory
    if let handle = try directory.find(
      name, kind, values: values, keys: keys, type: type, in: allocator.memory.readable)
    {
      return handle
    }
    let handle = try make(allocator)
    do throws(RegionHeapError) {
      try directory.insert(
        name, handle, kind, values: values, keys: keys, type: type, in: allocator)
    } catch {
      undo(allocator, handle)
      throw error
    }
    return handle
  }
}
