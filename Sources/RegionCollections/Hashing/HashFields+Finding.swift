/// Where a reference lies: a place in a bucket.
@usableFromInline
struct HashPlace {
  @usableFromInline var bucket: Int
  @usableFromInline var place: Int
  @usableFromInline var reference: Int

  @inlinable
  init(bucket: Int, place: Int, reference: Int) {
    self.bucket = bucket
    self.place = place
    self.reference = reference
  }
}

extension HashFields {
  /// The place of the entry with this hash for which `isWanted` says so.
  ///
  /// - Complexity: O(1) on average: one bucket, rarely a second.
  @inlinable
  @inline(__always)
  func find(
    _ hash: UInt64, in memory: HeapMemory, where isWanted: (_ reference: Int) -> Bool
  ) -> HashPlace? {
    if bucketCount == 0 { return nil }
    let number = bucket(of: hash)
    let tag = HashBucket.tag(of: hash, level: level(ofBucket: number))
    return find(tag, from: offset(ofBucket: number, memory: memory), in: memory, where: isWanted)
  }

  /// The same in the chain of a bucket that is known, with the tag of this hash there.
  @inlinable
  @inline(__always)
  func find(
    _ tag: UInt16, from first: Int, in memory: HeapMemory,
    where isWanted: (_ reference: Int) -> Bool
  ) -> HashPlace? {
    var bucket = first
    var steps = overflowCount
    while true {
      var matches = HashBucket.matches(tag, at: bucket, memory)
      while matches != 0 {
        let place = HashBucket.anyPlace(matches)
        let reference = reference(place, at: bucket, memory)
        if isWanted(reference) {
          return HashPlace(bucket: bucket, place: place, reference: reference)
        }
        matches &= matches &- 1
      }
      let link = HashBucket.link(bucket, memory)
      if link == 0 { return nil }
      bucket = next(link, &steps, memory)
    }
  }

  /// The bucket that a link leads to. A chain that is longer than all overflow buckets together is a circle.
  @inlinable
  func next(_ link: Int, _ steps: inout Int, _ memory: HeapMemory) -> Int {
    if steps <= 0 { trap("a hash table's chain has no end: the heap is damaged") }
    steps &-= 1
    return offset(ofOverflow: link, memory: memory)
  }
}

/// Walks over all references of a hash table, bucket by bucket.
@usableFromInline
struct HashCursor: Sendable {
  @usableFromInline let fields: HashFields
  @usableFromInline var number = 0
  @usableFromInline var bucket = 0
  @usableFromInline var place = 0
  @usableFromInline var steps = 0
  /// How many references were returned.
  @usableFromInline var passed = 0

  @inlinable
  init(_ fields: HashFields) { self.fields = fields }

  /// The next reference; `nil` after the last.
  @inlinable
  mutating func next(in memory: HeapMemory) -> Int? {
    while true {
      if bucket == 0 {
        if number >= fields.bucketCount {
          if passed != fields.count { trapCount(passed, fields.count) }
          return nil
        }
        bucket = fields.offset(ofBucket: number, memory: memory)
        steps = fields.overflowCount
        place = 0
      }
      while place < HashBucket.placeCount {
        let current = place
        place &+= 1
        if HashBucket.lane(current, at: bucket, memory) != 0 {
          passed &+= 1
          if passed > fields.count { trapCount(passed, fields.count) }
          return fields.reference(current, at: bucket, memory)
        }
      }
      let link = HashBucket.link(bucket, memory)
      place = 0
      if link == 0 {
        bucket = 0
        number &+= 1
      } else {
        bucket = fields.next(link, &steps, memory)
      }
    }
  }
}

@usableFromInline
@inline(never)
func trapCount(_ passed: Int, _ count: Int) -> Never {
  trap("a hash table has \(passed) entries or more instead of \(count): the heap is damaged")
}
