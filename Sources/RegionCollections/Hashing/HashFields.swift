/// The fields of a hash table behind its container's header, as they are at one moment.
///
/// | offset | what |
/// |---|---|
/// | 32 | count of entries |
/// | 40 | count of buckets |
/// | 48 | offset of the root; zero before the first entry |
/// | 56 | how many overflow buckets were ever used |
/// | 60 | the first free one, plus one; zero for none |
///
/// The root holds, at 0, how many segments each of its lists has room for, and from 16 on the lists: of the
/// segments of buckets and of overflow buckets.
@usableFromInline
struct HashFields: Sendable {
  @usableFromInline let header: Int
  /// The size of entries that lie in the buckets; zero if the buckets hold references.
  @usableFromInline let stride: Int
  @usableFromInline var count: Int
  @usableFromInline var bucketCount: Int
  @usableFromInline var root: Int
  @usableFromInline var segmentCapacity: Int
  @usableFromInline var overflowCount: Int
  @usableFromInline var firstFree: Int

  @usableFromInline enum List: Int {
    case buckets = 0
    case overflow = 1
  }

  @inlinable static var countOffset: Int { 32 }
  @inlinable static var bucketCountOffset: Int { 40 }
  @inlinable static var rootOffset: Int { 48 }
  @inlinable static var overflowOffset: Int { 56 }
  @inlinable static var firstFreeOffset: Int { 60 }
  /// Where the lists begin in the root.
  @inlinable static var listsOffset: Int { 16 }
  @inlinable static var listCount: Int { 2 }
  /// A bucket's size: a cache line, or some.
  @inlinable
  var bucketSize: Int {
    stride == 0
      ? 64 : (HashBucket.entriesOffset &+ HashBucket.placeCount &* stride &+ 63) & ~63
  }
  /// Eight buckets are in the first four segments.
  @inlinable static var bucketBase: Int { 3 }
  /// More entries and buckets there cannot be: references have 36 bits.
  @inlinable static var largestCount: Int { 1 << 36 }

  /// Reads the fields and checks them for what cannot be. Traps if the heap is damaged.
  ///
  /// - Parameters:
  ///   - header: The offset of a checked container.
  ///   - stride: The size of entries in buckets, or zero.
  @inlinable
  @inline(__always)
  init(at header: Int, stride: Int, in memory: HeapMemory) {
    self.init(unchecked: header, stride: stride, in: memory)
    if !isPlausible { trap("a hash table's fields contradict themselves: the heap is damaged") }
  }

  /// Reads the fields as they are.
  @inlinable
  @inline(__always)
  init(unchecked header: Int, stride: Int, in memory: HeapMemory) {
    self.header = header
    self.stride = stride
    let words: ContainerWords = memory.load(header)
    count = words.first
    bucketCount = words.second
    root = words.third
    let overflow = UInt64(bitPattern: Int64(words.fourth))
    overflowCount = Int(overflow & 0xffff_ffff)
    firstFree = Int(overflow &>> 32)
    segmentCapacity = root != 0 && memory.contains(root, count: 8) ? memory.loadInt(root) : 0
  }

  @inlinable
  @inline(__always)
  var isPlausible: Bool {
    if count < 0 || count > HashFields.largestCount || bucketCount < 0
      || bucketCount > HashFields.largestCount || firstFree > overflowCount
    {
      return false
    }
    if root == 0 { return count == 0 && bucketCount == 0 && overflowCount == 0 }
    return bucketCount >= 2 && segmentCapacity > 0 && segmentCapacity <= 256
  }

  /// How many bits of a hash all buckets' numbers have: 2 to that are at most as many as there are buckets.
  @inlinable
  var level: Int { 63 &- bucketCount.leadingZeroBitCount }

  /// How many bits of a hash tell who belongs into a bucket: one more if it was split, or split off.
  @inlinable
  @inline(__always)
  func level(ofBucket bucket: Int) -> Int {
    let level = level
    let power = 1 &<< level
    return level &+ (bucket & (power &- 1) < bucketCount &- power ? 1 : 0)
  }

  /// The bucket of a hash.
  @inlinable
  @inline(__always)
  func bucket(of hash: UInt64) -> Int {
    let power = 1 &<< level
    let number = Int(truncatingIfNeeded: hash)
    let low = number & (power &- 1)
    // No branch: which one it would be, nothing could predict.
    return number & (power &- 1 | (low < bucketCount &- power ? power : 0))
  }

  /// Where a segment's offset is kept.
  @inlinable
  func slot(of segment: Int, in list: List) -> Int {
    root &+ HashFields.listsOffset &+ (list.rawValue &* segmentCapacity &+ segment) &* 8
  }

  /// Where a bucket of a list is. Traps if the list has no such segment.
  @inlinable
  @inline(__always)
  func offset(of index: Int, in list: List, memory: HeapMemory) -> Int {
    let (segment, position) = Segments.locate(index, base: HashFields.bucketBase)
    if segment < 0 || segment >= segmentCapacity {
      trap("a hash table has no segment for its bucket \(index): the heap is damaged")
    }
    // A damaged offset is found out by the access that follows.
    return memory.loadInt(slot(of: segment, in: list)) &+ position &* bucketSize
  }

  @inlinable
  @inline(__always)
  func offset(ofBucket bucket: Int, memory: HeapMemory) -> Int {
    offset(of: bucket, in: .buckets, memory: memory)
  }

  /// - Parameter number: An overflow bucket's number plus one, as links hold it.
  @inlinable
  func offset(ofOverflow number: Int, memory: HeapMemory) -> Int {
    if number < 1 || number > overflowCount {
      trap("a hash table's bucket leads to none: the heap is damaged")
    }
    return offset(of: number &- 1, in: .overflow, memory: memory)
  }
}

extension HashFields {
  /// The seed of a heap's hashes, which is in its header.
  @inlinable
  static func seed(of memory: HeapMemory) -> UInt64 { memory.load(32) }
}
