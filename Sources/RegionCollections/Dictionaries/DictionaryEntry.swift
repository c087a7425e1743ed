/// How a dictionary's entries are laid out: the key, then the value.
///
/// Small entries lie in the buckets: to find one is to look at one place in memory, and to remove one is to
/// write there. Larger ones are blocks, so that a split moves references, not values.
@usableFromInline
struct DictionaryLayout: Sendable {
  @usableFromInline let valueOffset: Int
  @usableFromInline let byteCount: Int
  @usableFromInline let alignment: Int

  @inlinable
  init(keys: ElementType, values: ElementType) {
    let valueMask = Int(values.alignment) &- 1
    alignment = Int(max(keys.alignment, values.alignment))
    valueOffset = (Int(keys.stride) &+ valueMask) & ~valueMask
    byteCount = (valueOffset &+ Int(values.stride) &+ alignment &- 1) & ~(alignment &- 1)
  }

  @inlinable var isInline: Bool { byteCount <= 64 && alignment <= 16 }

  /// The size of entries in buckets, or zero.
  @inlinable var stride: Int { isInline ? byteCount : 0 }
}

/// The entries of a dictionary of these types. A reference is an entry's offset; of one that is a block,
/// divided by sixteen.
@usableFromInline
enum DictionaryEntry<Key: RegionKey, Value: BitwiseCopyable> {
  @inlinable
  static var layout: DictionaryLayout {
    DictionaryLayout(keys: ElementType(Key.self), values: ElementType(Value.self))
  }

  @inlinable
  @inline(__always)
  static func offset(of reference: Int) -> Int {
    layout.isInline ? reference : reference &<< 4
  }

  @inlinable
  static func key(at offset: Int, _ memory: HeapMemory) -> Key { memory.load(offset) }

  @inlinable
  static func value(at offset: Int, _ memory: HeapMemory) -> Value {
    memory.load(offset &+ layout.valueOffset)
  }

  /// The hash of the entry that a reference leads to.
  @inlinable
  static func hash(of reference: Int, seed: UInt64, _ memory: HeapMemory) -> UInt64 {
    key(at: offset(of: reference), memory).hash(seed: seed)
  }

  /// The place of a key's entry.
  @inlinable
  @inline(__always)
  static func find(
    _ key: Key, hash: UInt64, _ fields: HashFields, _ memory: HeapMemory
  ) -> HashPlace? {
    fields.find(hash, in: memory) { reference in
      DictionaryEntry.key(at: offset(of: reference), memory) == key
    }
  }

  /// The offset of a key's entry.
  @inlinable
  @inline(__always)
  static func offset(of key: Key, _ fields: HashFields, _ memory: HeapMemory) -> Int? {
    let hash = key.hash(seed: HashFields.seed(of: memory))
    return find(key, hash: hash, fields, memory).map { offset(of: $0.reference) }
  }

  @inlinable
  static func write(_ key: Key, _ value: Value, at offset: Int, _ memory: MutableHeapMemory) {
    memory.store(key, at: offset)
    memory.store(value, at: offset &+ layout.valueOffset)
  }
}
