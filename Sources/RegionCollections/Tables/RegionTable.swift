/// A handle of a table in a heap: values of any bytes, found by keys of any bytes.
///
/// ```swift
/// let names = try heap.table(named: "names")
/// try heap[names].updateValue("Ada", forKey: "a")
/// let past = try heap.makeSnapshot()
/// heap[names].removeValue(forKey: "a")
/// past[names].string(forKey: "a")                  // Optional("Ada")
/// ```
///
/// Each entry is one block, of eight bytes, the key and the value. A new value that fits into the block is
/// written in place. Entries are found by linear hashing (`RegionHash`, seeded for each heap), which grows by
/// one bucket at a time. Entries lie in the heap's first TiB: in a larger one that is full to there, a new one is
/// `.outOfMemory`.
@frozen
public struct RegionTable: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline let handle: ContainerHandle

  @inlinable
  init(_ handle: ContainerHandle) { self.handle = handle }
}

/// A table's entry in its block.
///
/// | offset | what |
/// |---|---|
/// | 0 | count of the key's bytes |
/// | 4 | count of the value's bytes |
/// | 8 | the key, then the value |
///
/// Its reference is the block's offset divided by sixteen.
@usableFromInline
struct TableEntry {
  @usableFromInline let offset: Int
  @usableFromInline let keyCount: Int
  @usableFromInline let valueCount: Int

  @inlinable static var headerSize: Int { 8 }

  @inlinable
  @inline(__always)
  init(_ reference: Int, _ memory: HeapMemory) {
    offset = reference &<< 4
    let counts: UInt64 = memory.load(offset)
    keyCount = Int(counts & 0xffff_ffff)
    valueCount = Int(counts &>> 32)
  }

  @inlinable
  init(offset: Int, keyCount: Int, valueCount: Int) {
    self.offset = offset
    self.keyCount = keyCount
    self.valueCount = valueCount
  }

  @inlinable var reference: Int { offset >> 4 }
  @inlinable var keyOffset: Int { offset &+ TableEntry.headerSize }
  @inlinable var valueOffset: Int { offset &+ TableEntry.headerSize &+ keyCount }
  @inlinable var byteCount: Int { TableEntry.headerSize &+ keyCount &+ valueCount }

  @inlinable
  func writeCounts(_ memory: MutableHeapMemory) {
    memory.store(
      UInt64(truncatingIfNeeded: keyCount) | UInt64(truncatingIfNeeded: valueCount) << 32,
      at: offset)
  }

  @inlinable
  func hash(seed: UInt64, _ memory: HeapMemory) -> UInt64 {
    memory.withBytes(at: keyOffset, count: keyCount) { RegionHash.hash($0, seed: seed) }
  }

  @inlinable
  @inline(__always)
  func hasKey(_ key: RawSpan, _ memory: HeapMemory) -> Bool {
    keyCount == key.byteCount
      && memory.withBytes(at: keyOffset, count: keyCount) { $0.hasSameBytes(as: key) }
  }

  /// The entry of a key.
  @inlinable
  @inline(__always)
  static func find(_ key: RawSpan, _ fields: HashFields, _ memory: HeapMemory) -> TableEntry? {
    let hash = RegionHash.hash(key, seed: HashFields.seed(of: memory))
    return find(key, hash: hash, fields, memory)?.entry
  }

  /// The entry of a key, and the place of its reference.
  @inlinable
  @inline(__always)
  static func find(
    _ key: RawSpan, hash: UInt64, _ fields: HashFields, _ memory: HeapMemory
  ) -> (place: HashPlace, entry: TableEntry)? {
    var entry = TableEntry(offset: 0, keyCount: 0, valueCount: 0)
    let place = fields.find(hash, in: memory) { reference in
      entry = TableEntry(reference, memory)
      return entry.hasKey(key, memory)
    }
    guard let place else { return nil }
    return (place, entry)
  }
}
