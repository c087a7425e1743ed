/// Checks dictionaries.
enum DictionaryCheck {
  /// The first thing that is wrong with the dictionary at `offset`, in a sentence. Never traps.
  ///
  /// What the keys hash to only their type knows, so that places are not compared with hashes here.
  static func fault(
    at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims
  ) -> String? {
    let keys: ElementType = memory.load(offset + ContainerHeader.keysOffset)
    let values: ElementType = memory.load(offset + ContainerHeader.valuesOffset)
    guard keys.alignment.nonzeroBitCount == 1, values.alignment.nonzeroBitCount == 1 else {
      return "the dictionary at offset \(offset) has keys and values of no alignment"
    }
    let layout = DictionaryLayout(keys: keys, values: values)
    let check = HashCheck(at: offset, stride: layout.stride, in: memory)
    var blocks: [Int] = []
    let fault = check.firstFault {
      claims.claim($0, byteCount: $1, by: offset)
    } hashOf: { reference in
      if !layout.isInline { blocks.append(reference << 4) }
      return (nil, nil)
    }
    if let fault { return "the dictionary at offset \(offset): \(fault)" }
    for block in blocks {
      if let fault = claims.claim(block, byteCount: layout.byteCount, by: offset) { return fault }
    }
    return nil
  }

  /// The first thing that is wrong, the hashes of all keys included. Reads the entries.
  static func firstFault<Key, Value>(
    _ dictionary: RegionDictionary<Key, Value>, in memory: HeapMemory
  ) -> String? {
    let check = HashCheck(
      at: Int(truncatingIfNeeded: dictionary.handle.offset),
      stride: DictionaryEntry<Key, Value>.layout.stride, in: memory)
    return check.firstFault { _, _ in
      nil
    } hashOf: { reference in
      (DictionaryEntry<Key, Value>.hash(of: reference, seed: check.seed, memory), nil)
    }
  }
}
