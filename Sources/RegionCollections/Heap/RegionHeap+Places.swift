extension RegionHeap {
  /// All names, in the order of their UTF-8.
  ///
  /// - Complexity: O(names).
  public var places: [HeapPlace] { directory.places(in: allocator.memory.readable) }

  /// Removes the container that a name stands for, and the name. Its handles trap from now on; what its
  /// elements are handles of stays.
  ///
  /// - Returns: Whether there was one.
  /// - Complexity: O(names), and O(blocks) of the container.
  @discardableResult
  public mutating func removePlace(named name: String) -> Bool {
    guard let record = directory.remove(name, in: allocator) else { return false }
    guard let kind = ContainerKind(rawValue: record.kind) else {
      trap("\"\(name)\" stands for nothing known: the heap is damaged")
    }
    let offset = ContainerHeader.check(
      record.handle, kind, values: record.values, keys: record.keys, in: allocator.memory.readable)
    removeContainer(kind, at: offset)
    return true
  }

  private func removeContainer(_ kind: ContainerKind, at offset: Int) {
    switch kind {
    case .array: ArrayRemoval.remove(at: offset, from: allocator)
    case .dictionary: DictionaryRemoval.remove(at: offset, from: allocator)
    case .table: TableRemoval.remove(at: offset, from: allocator)
    case .sortedTable: SortedRemoval.remove(at: offset, from: allocator)
    case .bytes:
      trap("\(kind.name) cannot be removed by name")
    }
  }

  /// Finds what a name stands for, or makes it.
  mutating func place(
    _ name: String, _ kind: ContainerKind, values: ElementType, keys: ElementType, type: TypeName,
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

extension HeapSnapshot {
  /// All names that there were, in the order of their UTF-8.
  public var places: [HeapPlace] { directory.places(in: memory) }

  /// Finds what a name stood for.
  func place(
    _ name: String, _ kind: ContainerKind, values: ElementType, keys: ElementType, type: TypeName
  ) throws(RegionHeapError) -> ContainerHandle {
    let handle = try directory.find(
      name, kind, values: values, keys: keys, type: type, in: memory)
    guard let handle else {
      throw RegionHeapError(
        .noSuchPlace, "there is no \"\(name)\" in the heap at the time of the snapshot")
    }
    return handle
  }
}
