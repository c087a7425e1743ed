/// Changes a hash table: adds and removes references, and lets the buckets grow and shrink one by one.
///
/// This is linear hashing: at each moment there are some buckets more than a power of two, and the next one to
/// come takes about half of the entries of one fixed bucket. So growth is one split at a time, with some six
/// entries moved, and nothing is ever copied as a whole.
@usableFromInline
struct HashEditor {
  @usableFromInline let allocator: Allocator
  @usableFromInline var fields: HashFields

  @usableFromInline var memory: MutableHeapMemory { allocator.memory }

  /// The average number of entries in a bucket that growth keeps up, times five.
  @inlinable static var fullFiveBuckets: Int { 30 }
  /// The one below which the table shrinks.
  @inlinable static var emptyBucket: Int { 3 }

  @inlinable
  init(_ fields: HashFields, in allocator: Allocator) {
    self.allocator = allocator
    self.fields = fields
  }

  @inlinable
  mutating func setCount(_ count: Int) {
    fields.count = count
    allocator.memory.store(count, at: fields.header &+ HashFields.countOffset)
  }

  @usableFromInline
  func storeBucketCount() {
    memory.store(fields.bucketCount, at: fields.header + HashFields.bucketCountOffset)
  }

  func storeOverflow() {
    memory.store(
      UInt32(fields.overflowCount), at: fields.header + HashFields.overflowOffset)
    memory.store(UInt32(fields.firstFree), at: fields.header + HashFields.firstFreeOffset)
  }

  /// Makes the root and the first buckets of an empty table.
  @usableFromInline
  mutating func start() throws(RegionHeapError) {
    let capacity = 4
    let byteCount = rootSize(capacity)
    let segment = try allocator.allocate(2 * fields.bucketSize, alignment: 64)
    let root: Int
    do throws(RegionHeapError) {
      root = try allocator.allocate(byteCount)
    } catch {
      allocator.deallocate(segment)
      throw error
    }
    memory.zero(segment, count: 2 * fields.bucketSize)
    memory.zero(root, count: byteCount)
    memory.store(capacity, at: root)
    memory.store(root, at: fields.header + HashFields.rootOffset)
    fields.root = root
    fields.segmentCapacity = capacity
    memory.store(segment, at: fields.slot(of: 0, in: .buckets))
    fields.bucketCount = 2
    storeBucketCount()
  }

  private func rootSize(_ capacity: Int) -> Int {
    HashFields.listsOffset + HashFields.listCount * capacity * 8
  }

  /// Sees to the segment that holds a list's bucket.
  ///
  /// - Returns: Whether it had to be allocated.
  @usableFromInline
  mutating func ensureSegment(
    holding index: Int, in list: HashFields.List
  ) throws(RegionHeapError) -> Bool {
    let segment = Segments.locate(index, base: HashFields.bucketBase).segment
    if segment < fields.segmentCapacity,
      memory.loadInt(fields.slot(of: segment, in: list)) != 0
    {
      return false
    }
    let units = Segments.unitCount(ofSegment: segment, base: HashFields.bucketBase)
    let (byteCount, overflows) = units.multipliedReportingOverflow(by: fields.bucketSize)
    if overflows { throw .outOfMemory(.max) }
    let offset = try allocator.allocate(byteCount, alignment: 64)
    do throws(RegionHeapError) {
      try growRoot(toHold: segment + 1)
    } catch {
      allocator.deallocate(offset)
      throw error
    }
    memory.store(offset, at: fields.slot(of: segment, in: list))
    return true
  }

  mutating func growRoot(toHold count: Int) throws(RegionHeapError) {
    let old = fields
    guard count > old.segmentCapacity else { return }
    let capacity = count + 4
    let root = try allocator.allocate(rootSize(capacity))
    memory.zero(root, count: rootSize(capacity))
    memory.store(capacity, at: root)
    fields.root = root
    fields.segmentCapacity = capacity
    for index in 0..<HashFields.listCount {
      guard let list = HashFields.List(rawValue: index) else { continue }
      memory.copy(
        from: old.slot(of: 0, in: list), to: fields.slot(of: 0, in: list),
        count: old.segmentCapacity * 8)
    }
    memory.store(root, at: fields.header + HashFields.rootOffset)
    allocator.deallocate(old.root)
  }

  /// Gives the segment after the one back that begins with a bucket which is needed no more. Otherwise does
  /// nothing. One segment is kept, so that a count that goes up and down does not allocate each time.
  @usableFromInline
  func releaseSegment(after index: Int, in list: HashFields.List) {
    let (first, position) = Segments.locate(index, base: HashFields.bucketBase)
    let segment = first + 1
    guard position == 0, segment < fields.segmentCapacity else { return }
    let slot = fields.slot(of: segment, in: list)
    let offset = memory.loadInt(slot)
    guard offset != 0 else { return }
    memory.store(0, at: slot)
    allocator.deallocate(offset)
  }

  /// Gives everything but the header back; the table is empty.
  @usableFromInline
  mutating func reset() {
    guard fields.root != 0 else { return }
    let old = fields
    fields.count = 0
    fields.bucketCount = 0
    fields.root = 0
    fields.segmentCapacity = 0
    fields.overflowCount = 0
    fields.firstFree = 0
    memory.zero(fields.header + HashFields.countOffset, count: 32)
    for index in 0..<HashFields.listCount * old.segmentCapacity {
      let offset = memory.loadInt(old.root + HashFields.listsOffset + index * 8)
      if offset != 0 { allocator.deallocate(offset) }
    }
    allocator.deallocate(old.root)
  }
}
