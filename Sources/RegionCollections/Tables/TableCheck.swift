/// Checks tables.
enum TableCheck {
  /// The first thing that is wrong with the table at `offset`, in a sentence. Never traps.
  static func fault(
    at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims
  ) -> String? {
    let check = HashCheck(at: offset, stride: 0, in: memory)
    var entries: [TableEntry] = []
    let fault = check.firstFault {
      claims.claim($0, byteCount: $1, by: offset)
    } hashOf: { reference in
      let start = reference << 4
      guard memory.contains(start, count: TableEntry.headerSize) else {
        return (nil, "it refers to an entry at \(start), outside the heap")
      }
      let entry = TableEntry(reference, memory)
      guard memory.contains(start, count: entry.byteCount) else {
        return (nil, "its entry at \(start) has \(entry.byteCount) bytes, beyond the heap's end")
      }
      entries.append(entry)
      return (entry.hash(seed: check.seed, memory), nil)
    }
    if let fault { return "the table at offset \(offset): \(fault)" }
    for entry in entries {
      if let fault = claims.claim(entry.offset, byteCount: entry.byteCount, by: offset) {
        return fault
      }
    }
    return nil
  }
}
