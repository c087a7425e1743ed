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
    DictionaryRemoval.remove(
      at: dictionary.header(in: allocator.memory.readable), from: allocator)
  }
}

/// Removes dictionaries whose types are not known.
enum DictionaryRemoval {
  /// - Parameter offset: Of a dictionary's checked header.
  static func remove(at offset: Int, from allocator: Allocator) {
    let memory = allocator.memory.readable
    let layout = DictionaryLayout(
      keys: memory.load(offset + ContainerHeader.keysOffset),
      values: memory.load(offset + ContainerHeader.valuesOffset))
    let fields = HashFields(at: offset, stride: layout.stride, in: memory)
    removeEntries(of: fields, from: allocator)
    ContainerHeader.invalidate(offset, in: allocator.memory)
    allocator.deallocate(offset)
  }

  static func removeEntries(of fields: HashFields, from allocator: Allocator) {
    if fields.stride == 0 {
      var cursor = HashCursor(fields)
      while let reference = cursor.next(in: allocator.memory.readable) {
        allocator.deallocate(reference << 4)
      }
    }
    var editor = HashEditor(fields, in: allocator)
    editor.reset()
  }
}
