/// One side of a comparison: a hash table in one memory.
struct HashSide {
  let memory: HeapMemory
  let fields: HashFields
  /// The hash of what may be an entry; `nil` if it is none.
  let hashOf: (_ reference: Int) -> UInt64?

  /// The entries of this side that may be others on the other side: those in buckets on changed pages, those
  /// in buckets that the other side has not, and blocks on changed pages.
  func candidates(_ ranges: [Range<Int>], other: HashFields, otherMemory: HeapMemory) -> Set<Int> {
    var found = Set<Int>()
    let lists = [
      (HashFields.List.buckets, fields.bucketCount, other.bucketCount),
      (.overflow, fields.overflowCount, other.overflowCount),
    ]
    for (list, count, otherCount) in lists {
      for segment in 0..<Segments.segmentCount(holding: count, base: HashFields.bucketBase) {
        let first = Segments.firstUnit(ofSegment: segment, base: HashFields.bucketBase)
        let units = Segments.unitCount(ofSegment: segment, base: HashFields.bucketBase)
        let end = min(first + units, count)
        let start = memory.loadInt(fields.slot(of: segment, in: list))
        let isSame =
          segment < other.segmentCapacity && first < otherCount
          && otherMemory.loadInt(other.slot(of: segment, in: list)) == start
        let size = fields.bucketSize
        let shared = isSame ? max(min(end, otherCount), first) : first
        for range in HashSide.overlaps(ranges, start..<start + (shared - first) * size) {
          let lowest = max((range.lowerBound - start) / size, 0)
          let highest = min((range.upperBound - start + size - 1) / size, shared - first)
          for index in lowest..<max(highest, lowest) { add(start + index * size, &found) }
        }
        for index in (shared - first)..<max(end - first, shared - first) {
          add(start + index * size, &found)
        }
      }
    }
    if fields.stride == 0 {
      for range in ranges {
        for offset in ChangedBlocks.offsets(overlapping: range, in: memory) {
          add(reference: offset >> 4, &found)
        }
      }
    }
    return found
  }

  private func add(_ bucket: Int, _ found: inout Set<Int>) {
    for place in 0..<HashBucket.placeCount
    where HashBucket.lane(place, at: bucket, memory) != 0 {
      add(reference: fields.reference(place, at: bucket, memory), &found)
    }
  }

  /// Free buckets and blocks hold what once were entries: only what is found counts.
  private func add(reference: Int, _ found: inout Set<Int>) {
    guard let hash = hashOf(reference),
      fields.find(hash, in: memory, where: { $0 == reference }) != nil
    else { return }
    found.insert(reference)
  }

  /// The ascending ranges that overlap with one.
  static func overlaps(_ ranges: [Range<Int>], _ range: Range<Int>) -> ArraySlice<Range<Int>> {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
    }
    let first = low
    high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound < range.upperBound { low = middle + 1 } else { high = middle }
    }
    return range.isEmpty ? [] : ranges[first..<low]
  }
}

/// The blocks of the allocator on some pages, used and free ones, as a memory has them.
enum ChangedBlocks {
  static func offsets(overlapping range: Range<Int>, in memory: HeapMemory) -> [Int] {
    var offsets: [Int] = []
    let first = HeapLayout.firstPage(pageCount: memory.byteCount >> HeapLayout.pageShift)
    let end = min(range.upperBound, memory.byteCount)
    var page = max(range.lowerBound >> HeapLayout.pageShift, first)
    while page << HeapLayout.pageShift < end {
      let owner = self.owner(page, first, memory)
      let descriptor = HeapLayout.descriptorsOffset + owner * HeapLayout.descriptorSize
      switch memory.load(descriptor, as: UInt8.self) {
      case PageDescriptors.Kind.usedRun: offsets.append(owner << HeapLayout.pageShift)
      case PageDescriptors.Kind.slab:
        let count = Int(memory.load(descriptor + 16, as: UInt16.self))
        let size = Int(memory.load(descriptor + 20, as: UInt16.self))
        let start = owner << HeapLayout.pageShift
        let pageStart = page << HeapLayout.pageShift
        for slot in 0..<count
        where start + (slot + 1) * size > pageStart
          && start + slot * size < pageStart + HeapLayout.pageSize
        {
          offsets.append(start + slot * size)
        }
      default: break
      }
      page += 1
    }
    return offsets
  }

  /// The first page of the slab or the run around a page. Pages inside a run say nothing of it.
  private static func owner(_ page: Int, _ first: Int, _ memory: HeapMemory) -> Int {
    func kind(_ page: Int) -> UInt8 {
      memory.load(HeapLayout.descriptorsOffset + page * HeapLayout.descriptorSize)
    }
    if kind(page) == PageDescriptors.Kind.slabInterior {
      let distance: UInt8 = memory.load(
        HeapLayout.descriptorsOffset + page * HeapLayout.descriptorSize + 1)
      return max(page - Int(distance), first)
    }
    var owner = page
    while owner > first, kind(owner) == PageDescriptors.Kind.none { owner -= 1 }
    return owner
  }
}
