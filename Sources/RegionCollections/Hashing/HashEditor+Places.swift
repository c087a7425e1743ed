extension HashEditor {
  /// Finds a free place for an entry with this hash, and makes one if there is none.
  ///
  /// - Returns: The place, and whether memory was allocated for it.
  /// - Throws: `.outOfMemory`; all entries are as they were.
  @inlinable
  mutating func makePlace(
    for hash: UInt64
  ) throws(RegionHeapError) -> (place: HashPlace, isNewBucket: Bool) {
    let readable = allocator.memory.readable
    if fields.bucketCount == 0 { try start() }
    var bucket = fields.offset(ofBucket: fields.bucket(of: hash), memory: readable)
    var steps = fields.overflowCount
    while true {
      if let place = HashBucket.freePlace(at: bucket, readable) {
        return (HashPlace(bucket: bucket, place: place, reference: 0), false)
      }
      let link = HashBucket.link(bucket, readable)
      if link == 0 { break }
      bucket = fields.next(link, &steps, readable)
    }
    let number = try takeOverflow()
    HashBucket.setLink(number, bucket, allocator.memory)
    let new = fields.offset(ofOverflow: number, memory: readable)
    return (HashPlace(bucket: new, place: 0, reference: 0), true)
  }

  /// Puts an entry into a free place, and counts it.
  @inlinable
  mutating func fill(_ place: HashPlace, hash: UInt64, reference: Int) {
    let level = fields.level(ofBucket: fields.bucket(of: hash))
    fields.set(
      place.place, tag: HashBucket.tag(of: hash, level: level), reference: reference,
      at: place.bucket, allocator.memory)
    setCount(fields.count &+ 1)
  }

  /// Another reference for the same entry.
  @inlinable
  func replace(_ place: HashPlace, reference: Int) {
    let lane = HashBucket.lane(place.place, at: place.bucket, allocator.memory.readable)
    fields.set(
      place.place, tag: lane, reference: reference, at: place.bucket, allocator.memory)
  }

  /// Takes an entry away.
  @inlinable
  mutating func clear(_ place: HashPlace) {
    HashBucket.clear(place.place, at: place.bucket, allocator.memory)
    setCount(fields.count &- 1)
  }

  /// An empty overflow bucket.
  ///
  /// - Returns: Its number plus one.
  @usableFromInline
  mutating func takeOverflow() throws(RegionHeapError) -> Int {
    let readable = memory.readable
    let number: Int
    if fields.firstFree != 0 {
      number = fields.firstFree
      fields.firstFree = HashBucket.link(
        fields.offset(ofOverflow: number, memory: readable), readable)
    } else {
      guard fields.overflowCount < Int(UInt32.max) else { throw .outOfMemory(64) }
      _ = try ensureSegment(holding: fields.overflowCount, in: .overflow)
      fields.overflowCount += 1
      number = fields.overflowCount
    }
    storeOverflow()
    memory.zero(fields.offset(ofOverflow: number, memory: readable), count: HashBucket.headerSize)
    return number
  }

  /// Gives an overflow bucket back that no chain leads to.
  mutating func giveOverflow(_ number: Int) {
    HashBucket.setLink(
      fields.firstFree, fields.offset(ofOverflow: number, memory: memory.readable), memory)
    fields.firstFree = number
    storeOverflow()
  }
}
