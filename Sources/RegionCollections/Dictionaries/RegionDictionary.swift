/// A handle of a dictionary in a heap: values of one size, found by their keys.
///
/// ```swift
/// let stock = try heap.dictionary(from: UInt64.self, to: Int.self, named: "stock")
/// try heap[stock].updateValue(12, forKey: 4711)
/// let past = try heap.makeSnapshot()
/// heap[stock].removeValue(forKey: 4711)
/// past[stock][4711]                                // Optional(12)
/// for (key, value) in past.entries(of: stock) { print(key, value) }
/// ```
///
/// The entries lie one after another, so that new ones go to few pages, and removing one moves the last into
/// its place. They are found by linear hashing (`RegionHash`, seeded for each heap), which grows by one
/// bucket at a time.
///
/// What bits keys and values may have is the caller's affair, as with `RegionArray`. Values may be handles.
@frozen
public struct RegionDictionary<Key: RegionKey, Value: BitwiseCopyable>: BitwiseCopyable, Hashable,
  Sendable
{
  @usableFromInline let handle: ContainerHandle

  @inlinable
  init(_ handle: ContainerHandle) { self.handle = handle }
}

/// How a dictionary's entry is laid out: the key, then the value.
@usableFromInline
enum DictionaryEntry<Key: RegionKey, Value: BitwiseCopyable> {
  @inlinable
  static var valueOffset: Int {
    let alignment = MemoryLayout<Value>.alignment
    return (MemoryLayout<Key>.size &+ alignment &- 1) & ~(alignment &- 1)
  }

  @inlinable
  static var alignment: Int { max(MemoryLayout<Key>.alignment, MemoryLayout<Value>.alignment) }

  @inlinable
  static var stride: Int {
    max((valueOffset &+ MemoryLayout<Value>.size &+ alignment &- 1) & ~(alignment &- 1), 1)
  }

  /// Thirty-two entries are in the first four segments.
  @inlinable
  static var base: Int { 5 }

  @inlinable
  @inline(__always)
  static func offset(of index: Int, _ fields: HashFields, _ memory: HeapMemory) -> Int {
    if index < 0 || index >= fields.count {
      trap("a dictionary has no entry \(index): the heap is damaged")
    }
    return fields.offset(
      of: index, in: .entries, base: base, unitSize: stride, memory: memory)
  }

  @inlinable
  static func key(at offset: Int, _ memory: HeapMemory) -> Key { memory.load(offset) }

  @inlinable
  static func value(at offset: Int, _ memory: HeapMemory) -> Value {
    memory.load(offset &+ valueOffset)
  }

  /// Where the entry of a key is, in the buckets and among the entries.
  @inlinable
  @inline(__always)
  static func find(
    _ key: Key, hash: UInt64, _ fields: HashFields, _ memory: HeapMemory
  ) -> (place: HashPlace, offset: Int)? {
    var found = 0
    let place = fields.find(hash, in: memory) { reference in
      found = offset(of: reference, fields, memory)
      return DictionaryEntry.key(at: found, memory) == key
    }
    guard let place else { return nil }
    return (place, found)
  }
}
