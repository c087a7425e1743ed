/// Checks tables.
enum TableCheck {
  /// The first thing that is wrong with the table at `offset`, in a sentence. Never traps.
  ///
  /// - Parameter report: Called with each block that it owns, but its header.
  static func firstFault(
    at offset: Int, in memory: HeapMemory, report: (_ offset: Int, _ byteCount: Int) -> Void
  ) -> String? {
    let check = HashCheck(at: offset, in: memory, listCount: 2)
    return check.firstFault(entrySize: 0, report: report) { reference in
      let start = reference << 4
      guard memory.contains(start, count: TableEntry.headerSize) else {
        return (nil, "it refers to an entry at \(start), outside the heap")
      }
      let entry = TableEntry(reference, memory)
      guard memory.contains(start, count: entry.byteCount) else {
        return (nil, "its entry at \(start) has \(entry.byteCount) bytes, beyond the heap's end")
      }
      report(start, entry.byteCount)
      return (entry.hash(seed: check.seed, memory), nil)
    }
  }
}
