/// Checks dictionaries.
enum DictionaryCheck {
  /// The first thing that is wrong with the dictionary at `offset`, in a sentence. Never traps.
  ///
  /// What the keys hash to only their type knows, so that places are not compared with hashes here.
  ///
  /// - Parameter report: Called with each block that it owns, but its header.
  static func firstFault(
    at offset: Int, in memory: HeapMemory, report: (_ offset: Int, _ byteCount: Int) -> Void
  ) -> String? {
    let keys: ElementType = memory.load(offset + 24)
    let values: ElementType = memory.load(offset + 16)
    guard let entrySize = entrySize(keys, values) else { return "its types have no size" }
    let check = HashCheck(at: offset, in: memory, listCount: 3)
    return check.firstFault(entrySize: entrySize, report: report) { reference in
      guard reference < check.fields.count else {
        return (nil, "it refers to entry \(reference) of \(check.fields.count)")
      }
      return (nil, nil)
    }
  }

  /// The first thing that is wrong, the hashes of all keys included.
  static func firstFault<Key, Value>(
    _ dictionary: RegionDictionary<Key, Value>, in memory: HeapMemory
  ) -> String? {
    let check = HashCheck(
      at: Int(truncatingIfNeeded: dictionary.handle.offset), in: memory, listCount: 3)
    let entrySize = DictionaryEntry<Key, Value>.stride
    return check.firstFault(entrySize: entrySize) { _, _ in
    } hashOf: { reference in
      guard reference < check.fields.count else {
        return (nil, "it refers to entry \(reference) of \(check.fields.count)")
      }
      let entry = DictionaryEntry<Key, Value>.offset(of: reference, check.fields, memory)
      return (DictionaryEntry<Key, Value>.key(at: entry, memory).hash(seed: check.seed), nil)
    }
  }

  /// The least size that an entry of these types has: strides of keys are no less than their sizes.
  private static func entrySize(_ keys: ElementType, _ values: ElementType) -> Int? {
    let alignment = Int(max(keys.alignment, values.alignment))
    guard alignment > 0, alignment & (alignment - 1) == 0 else { return nil }
    return max(Int(values.stride), 1)
  }
}
