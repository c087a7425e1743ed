/// A bucket: ten places for entries, each with some bits of the hash. Small entries of one size lie in the
/// bucket; of others, it holds references, and has sixty-four bytes.
///
/// | byte | what |
/// |---|---|
/// | 0 + 2 i | of place i: in use (1 bit), tag (11), the reference's upper bits (4); zero if it is free |
/// | 20 | the next bucket of the chain, an overflow bucket's number plus one; zero for none |
/// | 24 + 4 i | of place i: the reference's lower 32 bits |
/// | 32 + stride i | or else the entry |
///
/// The tag is the hash's bits from the bucket's level on, rounded down to a multiple of four: so the next bit,
/// which decides when the bucket is split, is in it, and only every fourth split has to hash keys again.
@usableFromInline
enum HashBucket {
  @inlinable static var placeCount: Int { 10 }
  @inlinable static var linkOffset: Int { 20 }
  @inlinable static var referencesOffset: Int { 24 }
  @inlinable static var entriesOffset: Int { 32 }
  /// The bytes before the entries or references, which are zero in an empty bucket.
  @inlinable static var headerSize: Int { 24 }

  @inlinable
  @inline(__always)
  static func tag(of hash: UInt64, level: Int) -> UInt16 {
    0x8000 | UInt16(truncatingIfNeeded: hash &>> UInt64(level & ~3)) << 4 & 0x7ff0
  }

  /// Whether an entry with this tag moves when a bucket of this level is split.
  @inlinable
  static func moves(_ lane: UInt16, level: Int) -> Bool { lane >> UInt16(4 + level & 3) & 1 != 0 }

  @inlinable
  static func lane(_ place: Int, at bucket: Int, _ memory: HeapMemory) -> UInt16 {
    memory.load(bucket &+ place &* 2)
  }

  /// A set of the places of one word of tags: the upper bit of each of its four lanes.
  @inlinable
  @inline(__always)
  static func zeroLanes(_ word: UInt64) -> UInt64 {
    let low: UInt64 = 0x7fff_7fff_7fff_7fff
    return ~((word & low) &+ low | word | low)
  }

  /// The places that have a tag, as a set for `anyPlace`. No branch decides on one of them.
  @inlinable
  @inline(__always)
  static func matches(_ tag: UInt16, at bucket: Int, _ memory: HeapMemory) -> UInt64 {
    let pattern = UInt64(tag) &* 0x0001_0001_0001_0001
    let mask: UInt64 = 0xfff0_fff0_fff0_fff0
    let first = zeroLanes((memory.load(bucket, as: UInt64.self) ^ pattern) & mask)
    let second = zeroLanes((memory.load(bucket &+ 8, as: UInt64.self) ^ pattern) & mask)
    // The link behind the last two tags matches none: a tag in use is not zero.
    let lanes = memory.load(bucket &+ 16, as: UInt64.self) & 0xffff_ffff
    let third = zeroLanes((lanes ^ pattern) & mask)
    return first | second &>> 1 | third &>> 2
  }

  /// A place of a set that is not empty; which one, has no meaning.
  @inlinable
  @inline(__always)
  static func anyPlace(_ matches: UInt64) -> Int {
    let bit = matches.trailingZeroBitCount
    return (15 &- bit & 15) &* 4 &+ bit &>> 4
  }

  /// A free place, if there is one.
  @inlinable
  @inline(__always)
  static func freePlace(at bucket: Int, _ memory: HeapMemory) -> Int? {
    let first = zeroLanes(memory.load(bucket))
    let second = zeroLanes(memory.load(bucket &+ 8))
    let third = zeroLanes(memory.load(bucket &+ 16) | 0xffff_ffff_0000_0000)
    let free = first | second &>> 1 | third &>> 2
    return free == 0 ? nil : anyPlace(free)
  }

  @inlinable
  static func link(_ bucket: Int, _ memory: HeapMemory) -> Int {
    Int(memory.load(bucket &+ linkOffset, as: UInt32.self))
  }

  @inlinable
  static func setLink(_ link: Int, _ bucket: Int, _ memory: MutableHeapMemory) {
    memory.store(UInt32(truncatingIfNeeded: link), at: bucket &+ linkOffset)
  }

  @inlinable
  static func clear(_ place: Int, at bucket: Int, _ memory: MutableHeapMemory) {
    memory.store(UInt16(0), at: bucket &+ place &* 2)
  }
}

extension HashFields {
  /// The reference in a place; of an entry in the bucket, its offset.
  @inlinable
  @inline(__always)
  func reference(_ place: Int, at bucket: Int, _ memory: HeapMemory) -> Int {
    if stride != 0 { return bucket &+ HashBucket.entriesOffset &+ place &* stride }
    let low: UInt32 = memory.load(bucket &+ HashBucket.referencesOffset &+ place &* 4)
    return Int(low) | Int(HashBucket.lane(place, at: bucket, memory) & 15) << 32
  }

  /// Puts an entry into a place: moves it there, or writes its reference.
  @inlinable
  func set(
    _ place: Int, tag: UInt16, reference: Int, at bucket: Int, _ memory: MutableHeapMemory
  ) {
    if stride != 0 {
      memory.store(tag & 0xfff0, at: bucket &+ place &* 2)
      let target = self.reference(place, at: bucket, memory.readable)
      if target != reference { memory.copy(from: reference, to: target, count: stride) }
      return
    }
    memory.store(
      tag & 0xfff0 | UInt16(truncatingIfNeeded: reference >> 32) & 15, at: bucket &+ place &* 2)
    memory.store(
      UInt32(truncatingIfNeeded: reference),
      at: bucket &+ HashBucket.referencesOffset &+ place &* 4)
  }
}
