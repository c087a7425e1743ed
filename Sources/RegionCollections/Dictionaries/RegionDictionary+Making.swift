extension RegionDictionary {
  /// Makes an empty dictionary.
  @usableFromInline
  static func make(in allocator: Allocator) throws(RegionHeapError) -> RegionDictionary {
    let offset = try allocator.allocateHeader()
    let identity = ContainerHeader.make(
      .dictionary, values: ElementType(Value.self), keys: ElementType(Key.self), at: offset,
      in: allocator.memory)
    return RegionDictionary(ContainerHandle(offset: UInt64(offset), identity: identity))
  }

  /// Removes the dictionary with its entries; what the values are handles of stays.
  static func remove(_ dictionary: RegionDictionary, from allocator: Allocator) {
    DictionaryRemoval.remove(at: dictionary.fields(in: allocator.memory.readable).header, from: allocator)
  }
}

/// Removes dictionaries whose types are not known.
enum DictionaryRemoval {
  /// - Parameter offset: Of a dictionary's checked header.
  static func remove(at offset: Int, from allocator: Allocator) {
    let fields = HashFields(at: offset, in: allocator.memory.readable)
    var editor = HashEditor(fields, in: allocator, listCount: 3)
    editor.reset()
    ContainerHeader.invalidate(offset, in: allocator.memory)
    allocator.deallocate(offset)
  }
}
