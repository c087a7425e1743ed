extension RegionHeap {
  /// Whether the array is in the live heap: it was made here, and neither removed nor rolled back.
  public func contains<Element>(_ array: RegionArray<Element>) -> Bool {
    array.isValid(in: allocator.memory.readable)
  }

  /// Whether the dictionary is in the live heap.
  public func contains<Key, Value>(_ dictionary: RegionDictionary<Key, Value>) -> Bool {
    dictionary.isValid(in: allocator.memory.readable)
  }

  /// Whether the table is in the live heap.
  public func contains(_ table: RegionTable) -> Bool {
    table.isValid(in: allocator.memory.readable)
  }

  /// Whether the sorted table is in the live heap.
  public func contains(_ table: RegionSortedTable) -> Bool {
    table.isValid(in: allocator.memory.readable)
  }

  /// Whether the bytes are in the live heap.
  public func contains(_ bytes: RegionBytes) -> Bool {
    bytes.isValid(in: allocator.memory.readable)
  }
}

extension HeapSnapshot {
  /// Whether the array was in the heap at the time of the snapshot. Traps if that cannot be read: see `open()`.
  public func contains<Element>(_ array: RegionArray<Element>) -> Bool {
    array.isValid(in: memory)
  }

  /// Whether the dictionary was in the heap at the time of the snapshot.
  public func contains<Key, Value>(_ dictionary: RegionDictionary<Key, Value>) -> Bool {
    dictionary.isValid(in: memory)
  }

  /// Whether the table was in the heap at the time of the snapshot.
  public func contains(_ table: RegionTable) -> Bool { table.isValid(in: memory) }

  /// Whether the sorted table was in the heap at the time of the snapshot.
  public func contains(_ table: RegionSortedTable) -> Bool { table.isValid(in: memory) }

  /// Whether the bytes were in the heap at the time of the snapshot.
  public func contains(_ bytes: RegionBytes) -> Bool { bytes.isValid(in: memory) }
}

extension RegionArray {
  fileprivate func isValid(in memory: HeapMemory) -> Bool {
    handle.isValid(.array, values: ElementType(Element.self), keys: .none, in: memory)
  }
}

extension RegionDictionary {
  fileprivate func isValid(in memory: HeapMemory) -> Bool {
    handle.isValid(
      .dictionary, values: ElementType(Value.self), keys: ElementType(Key.self), in: memory)
  }
}

extension RegionTable {
  fileprivate func isValid(in memory: HeapMemory) -> Bool {
    handle.isValid(.table, values: .none, keys: .none, in: memory)
  }
}

extension RegionSortedTable {
  fileprivate func isValid(in memory: HeapMemory) -> Bool {
    handle.isValid(.sortedTable, values: .none, keys: .none, in: memory)
  }
}

extension RegionBytes {
  fileprivate func isValid(in memory: HeapMemory) -> Bool {
    handle.isValid(.bytes, values: BytesFields.type, keys: .none, in: memory)
  }
}

extension ContainerHandle {
  fileprivate func isValid(
    _ kind: ContainerKind, values: ElementType, keys: ElementType, in memory: HeapMemory
  ) -> Bool {
    ContainerHeader.isValid(
      Int(truncatingIfNeeded: offset), identity: identity, kind, values: values, keys: keys,
      in: memory)
  }
}
