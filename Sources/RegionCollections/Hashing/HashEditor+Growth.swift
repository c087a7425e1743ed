extension HashEditor {
  /// Whether there are more than six entries for each bucket.
  @inlinable
  static func isFull(_ count: Int, _ bucketCount: Int) -> Bool {
    count &* 5 > bucketCount &* fullFiveBuckets
  }

  /// Splits one bucket if there are few for the entries. Without memory for it, nothing happens: chains
  /// become longer, and the next insertion tries again.
  ///
  /// - Parameter hashOf: An entry's hash.
  @inlinable
  mutating func growIfFull(_ hashOf: (_ reference: Int) -> UInt64) {
    guard HashEditor.isFull(fields.count, fields.bucketCount) else { return }
    // One of both: an operation that makes room dirties as many pages as it may.
    if !prepareOverflow() { split(hashOf) }
  }

  /// Whether the table has so many entries for its buckets that a split should not wait any longer.
  @inlinable
  var isOverdue: Bool {
    HashEditor.isFull(fields.count &- fields.bucketCount / 16 &- 8, fields.bucketCount)
  }

  /// Sees to room for the next overflow buckets before they are needed.
  ///
  /// - Returns: Whether memory was allocated for it.
  @usableFromInline
  mutating func prepareOverflow() -> Bool {
    // More than a few insertions take.
    (try? prepareSegment(holding: fields.overflowCount + 4, in: .overflow)) == true
  }

  /// Sees to the segment that holds a list's bucket, one step at a time: the root grows before, in an operation
  /// of its own.
  ///
  /// - Returns: Whether memory was allocated; then it has to be called again.
  private mutating func prepareSegment(
    holding index: Int, in list: HashFields.List
  ) throws(RegionHeapError) -> Bool {
    let segment = Segments.locate(index, base: HashFields.bucketBase).segment
    if segment >= fields.segmentCapacity {
      try growRoot(toHold: segment + 1)
      return true
    }
    return try ensureSegment(holding: index, in: list)
  }

  /// Joins the last bucket with the one that it was split from if there are many for the entries.
  @inlinable
  mutating func shrinkIfEmpty(_ hashOf: (_ reference: Int) -> UInt64) {
    if fields.count == 0 {
      reset()
    } else if fields.bucketCount > 2,
      fields.count < fields.bucketCount &* HashEditor.emptyBucket
    {
      join(hashOf)
    }
  }

  /// Prepares a new bucket for what moves there.
  ///
  /// - Returns: `nil` if the split has to wait for the next insertion.
  @usableFromInline
  mutating func beginSplit() -> Int? {
    let number = fields.bucketCount
    guard number < HashFields.largestCount else { return nil }
    // A split in the operation that allocates a segment would dirty too many pages at once.
    let isNew = try? prepareSegment(holding: number, in: .buckets)
    guard isNew == false else { return nil }
    let bucket = fields.offset(ofBucket: number, memory: memory.readable)
    memory.zero(bucket, count: HashBucket.headerSize)
    return bucket
  }

  /// Adds empty overflow buckets to a chain of one. Takes them off again if there are not enough.
  @usableFromInline
  mutating func extendChain(from bucket: Int, toHold count: Int) -> Bool {
    var places = HashBucket.placeCount
    var added: [Int] = []
    while places < count {
      guard let number = try? takeOverflow() else {
        for number in added.reversed() { unlinkFirst(number, behind: bucket) }
        return false
      }
      let offset = fields.offset(ofOverflow: number, memory: memory.readable)
      HashBucket.setLink(HashBucket.link(bucket, memory.readable), offset, memory)
      HashBucket.setLink(number, bucket, memory)
      added.append(number)
      places += HashBucket.placeCount
    }
    return true
  }

  private mutating func unlinkFirst(_ number: Int, behind bucket: Int) {
    let offset = fields.offset(ofOverflow: number, memory: memory.readable)
    HashBucket.setLink(HashBucket.link(offset, memory.readable), bucket, memory)
    giveOverflow(number)
  }

  /// Gives all overflow buckets of a chain back, which are empty.
  @usableFromInline
  mutating func dropEmpty(behind bucket: Int) {
    var link = HashBucket.link(bucket, memory.readable)
    var steps = fields.overflowCount
    HashBucket.setLink(0, bucket, memory)
    while link != 0 {
      let offset = fields.next(link, &steps, memory.readable)
      let following = HashBucket.link(offset, memory.readable)
      giveOverflow(link)
      link = following
    }
  }

  /// Splits a bucket. Whatever the new one needs beyond ten places, the old one's overflow buckets give: so
  /// nothing is allocated, and no page is dirtied but those of the old chain and the new bucket.
  @inlinable
  mutating func split(_ hashOf: (_ reference: Int) -> UInt64) {
    guard let target = beginSplit() else { return }
    let level = fields.level
    let source = fields.offset(
      ofBucket: fields.bucketCount &- (1 &<< level), memory: allocator.memory.readable)
    // Tags begin with another bit of the hash from every fourth level on.
    let isRetagged = (level &+ 1) & 3 == 0
    var filling = target
    var remaining = moveTen(from: source, to: filling, level, isRetagged, hashOf)
    while remaining.moving > 0 {
      filling = handOver(lastOf: source, to: filling)
      remaining = moveTen(from: source, to: filling, level, isRetagged, hashOf)
    }
    if isRetagged {
      forEachPlace(from: source) { place, _ in
        let tag = HashBucket.tag(of: hashOf(place.reference), level: level &+ 1)
        fields.set(
          place.place, tag: tag, reference: place.reference, at: place.bucket, allocator.memory)
        return false
      }
    }
    trimChain(from: source, toHold: remaining.staying)
    fields.bucketCount &+= 1
    storeBucketCount()
  }

  /// Moves as many entries as an empty bucket holds there. The others close up, so that buckets at the chain's
  /// end become empty.
  ///
  /// - Returns: How many are left in the chain.
  @inlinable
  func moveTen(
    from source: Int, to target: Int, _ level: Int, _ isRetagged: Bool,
    _ hashOf: (_ reference: Int) -> UInt64
  ) -> (moving: Int, staying: Int) {
    var count = 0
    var moving = 0
    var staying = 0
    forEachPlace(from: source) { place, lane in
      let isMoving = HashBucket.moves(lane, level: level)
      if isMoving, count < HashBucket.placeCount {
        let tag =
          isRetagged ? HashBucket.tag(of: hashOf(place.reference), level: level &+ 1) : lane
        fields.set(count, tag: tag, reference: place.reference, at: target, allocator.memory)
        HashBucket.clear(place.place, at: place.bucket, allocator.memory)
        count &+= 1
        return false
      }
      if isMoving { moving &+= 1 } else { staying &+= 1 }
      if let earlier = freePlace(from: source, before: place.bucket) {
        fields.set(
          earlier.place, tag: lane, reference: place.reference, at: earlier.bucket,
          allocator.memory)
        HashBucket.clear(place.place, at: place.bucket, allocator.memory)
      }
      return false
    }
    return (moving, staying)
  }

  /// Takes the last bucket, which is empty, off one chain and puts it behind the last of another.
  ///
  /// - Returns: Where it is.
  @usableFromInline
  func handOver(lastOf start: Int, to end: Int) -> Int {
    let readable = memory.readable
    var before = start
    var number = HashBucket.link(start, readable)
    var steps = fields.overflowCount
    var last = fields.next(number, &steps, readable)
    while HashBucket.link(last, readable) != 0 {
      before = last
      number = HashBucket.link(last, readable)
      last = fields.next(number, &steps, readable)
    }
    HashBucket.setLink(0, before, memory)
    memory.zero(last, count: HashBucket.headerSize)
    HashBucket.setLink(number, end, memory)
    return last
  }

  /// A free place in a chain's buckets before one of them.
  @inlinable
  func freePlace(from start: Int, before end: Int) -> (bucket: Int, place: Int)? {
    let readable = allocator.memory.readable
    var bucket = start
    var steps = fields.overflowCount
    while bucket != end {
      if let place = HashBucket.freePlace(at: bucket, readable) { return (bucket, place) }
      bucket = fields.next(HashBucket.link(bucket, readable), &steps, readable)
    }
    return nil
  }

  /// Gives those overflow buckets of a chain back that lie behind the first `count` places.
  @usableFromInline
  mutating func trimChain(from bucket: Int, toHold count: Int) {
    var last = bucket
    var places = HashBucket.placeCount
    var steps = fields.overflowCount
    while places < count {
      last = fields.next(HashBucket.link(last, memory.readable), &steps, memory.readable)
      places += HashBucket.placeCount
    }
    if HashBucket.link(last, memory.readable) != 0 { dropEmpty(behind: last) }
  }

  @inlinable
  mutating func join(_ hashOf: (_ reference: Int) -> UInt64) {
    let readable = allocator.memory.readable
    let number = fields.bucketCount &- 1
    let level = 63 &- number.leadingZeroBitCount
    let source = fields.offset(ofBucket: number, memory: readable)
    let target = fields.offset(ofBucket: number &- (1 &<< level), memory: readable)
    var places = HashBucket.placeCount
    var used = 0
    forEachPlace(from: source) { _, _ in
      used &+= 1
      return false
    }
    forEachPlace(from: target) { _, _ in
      used &+= 1
      return false
    }
    var link = HashBucket.link(target, readable)
    var steps = fields.overflowCount
    while link != 0 {
      places &+= HashBucket.placeCount
      link = HashBucket.link(fields.next(link, &steps, readable), readable)
    }
    guard extendChain(from: target, toHold: used &- (places &- HashBucket.placeCount)) else {
      return
    }
    let isRetagged = (level &+ 1) & 3 == 0
    if isRetagged {
      forEachPlace(from: target) { place, _ in
        let tag = HashBucket.tag(of: hashOf(place.reference), level: level)
        fields.set(
          place.place, tag: tag, reference: place.reference, at: place.bucket, allocator.memory)
        return false
      }
    }
    var filler = HashFiller(bucket: target)
    forEachPlace(from: source) { place, lane in
      let tag = isRetagged ? HashBucket.tag(of: hashOf(place.reference), level: level) : lane
      filler.add(tag: tag, reference: place.reference, fields, allocator.memory)
      return false
    }
    dropEmpty(behind: source)
    fields.bucketCount = number
    storeBucketCount()
    releaseSegment(after: number, in: .buckets)
  }

  /// Calls `body` for each used place of a chain, until it returns true.
  @inlinable
  func forEachPlace(from start: Int, _ body: (HashPlace, UInt16) -> Bool) {
    let readable = allocator.memory.readable
    var bucket = start
    var steps = fields.overflowCount
    while true {
      let link = HashBucket.link(bucket, readable)
      for place in 0..<HashBucket.placeCount {
        let lane = HashBucket.lane(place, at: bucket, readable)
        if lane == 0 { continue }
        let reference = fields.reference(place, at: bucket, readable)
        if body(HashPlace(bucket: bucket, place: place, reference: reference), lane) { return }
      }
      if link == 0 { return }
      bucket = fields.next(link, &steps, readable)
    }
  }
}

/// Puts references into the free places of a chain, from the first on.
@usableFromInline
struct HashFiller {
  @usableFromInline var bucket: Int

  @inlinable
  init(bucket: Int) { self.bucket = bucket }

  @inlinable
  mutating func add(
    tag: UInt16, reference: Int, _ fields: HashFields, _ memory: MutableHeapMemory
  ) {
    var steps = fields.overflowCount
    while true {
      if let place = HashBucket.freePlace(at: bucket, memory.readable) {
        fields.set(place, tag: tag, reference: reference, at: bucket, memory)
        return
      }
      bucket = fields.next(HashBucket.link(bucket, memory.readable), &steps, memory.readable)
    }
  }
}
