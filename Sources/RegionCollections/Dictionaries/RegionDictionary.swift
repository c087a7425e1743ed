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
/// Entries are found by linear hashing (`RegionHash`, seeded for each heap), which grows by one bucket at a
/// time. Those of up to 64 bytes, key and value together, lie in the buckets; larger ones are blocks, in the
/// heap's first TiB (`.outOfMemory` if that is full).
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
