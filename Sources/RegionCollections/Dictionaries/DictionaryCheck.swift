/// Checks dictionaries.
enum DictionaryCheck {
  /// The first thing that is wrong with the dictionary at `offset`, in a sentence. Never traps.
  ///
  /// What the keys hash to only their type knows, so that places are not compared with hashes here.
  ///
  static func fault(
    at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims
  ) -> String? {
    let values: ElementType = memory.load(offset + ContainerHeader.valuesOffset)
    let check = HashCheck(at: offset, in: memory, listCount: 3)
    // An entry is no smaller than its value's stride, unless alignment differs: a lower bound is enough.
    let fault = check.firstFault(entrySize: max(Int(values.stride), 1)) {
      claims.claim($0, byteCount: $1, by: offset)
    } hashOf: { reference in
      guard reference < check.fields.count else {
        return (nil, "it refers to entry \(reference) of \(check.fields.count)")
      }
      return (nil, nil)
    }
    return fault.map { "the dictionary at offset \(offset): \($0)" }
  }

  /// The first thing that is wrong, the hashes of all keys included.
  static func firstFault<Key, Value>(
    _ dictionary: RegionDictionary<Key, Value>, in memory: HeapMemory
  ) -> String? {
    let check = HashCheck(
      at: Int(truncatingIfNeeded: dictionary.handle.offset), in: memory, listCount: 3)
    let entrySize = DictionaryEntry<Key, Value>.stride
    return check.firstFault(entrySize: entrySize) { _, _ in
      nil
    } hashOf: { reference in
      guard reference < check.fields.count else {
        return (nil, "it refers to entry \(reference) of \(check.fields.count)")
      }
      let entry = DictionaryEntry<Key, Value>.offset(of: reference, check.fields, memory)
      return (DictionaryEntry<Key, Value>.key(at: entry, memory).hash(seed: check.seed), nil)
    }
  }
}
