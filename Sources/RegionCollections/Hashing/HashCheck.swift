/// Walks over a hash table that may be damaged, without trapping, and names the first thing that is wrong.
struct HashCheck {
  let memory: HeapMemory
  let fields: HashFields
  let seed: UInt64

  init(at header: Int, stride: Int, in memory: HeapMemory) {
    self.memory = memory
    fields = HashFields(unchecked: header, stride: stride, in: memory)
    seed = HashFields.seed(of: memory)
  }

  /// Checks the fields, the segments, and that each reference is where its hash says.
  ///
  /// - Parameters:
  ///   - report: Called with each block that the table owns; says what is wrong with it.
  ///   - hashOf: The hash of a reference's entry, or a sentence that says what is wrong with it.
  func firstFault(
    report: (_ offset: Int, _ byteCount: Int) -> String?,
    hashOf: (_ reference: Int) -> (hash: UInt64?, fault: String?)
  ) -> String? {
    if !fields.isPlausible {
      return
        "its counts (\(fields.count) entries, \(fields.bucketCount) buckets) contradict themselves"
    }
    guard fields.root != 0 else { return nil }
    let rootSize = HashFields.listsOffset + HashFields.listCount * fields.segmentCapacity * 8
    guard memory.contains(fields.root, count: rootSize) else {
      return "its root at \(fields.root) is outside the heap"
    }
    if let fault = report(fields.root, rootSize) { return fault }
    if let fault = segmentFault(report) { return fault }
    return bucketFault(hashOf)
  }

  private func segmentFault(
    _ report: (_ offset: Int, _ byteCount: Int) -> String?
  ) -> String? {
    let needs = [
      (HashFields.List.buckets, fields.bucketCount), (.overflow, fields.overflowCount),
    ]
    for (list, count) in needs {
      let needed = Segments.segmentCount(holding: count, base: HashFields.bucketBase)
      guard needed <= fields.segmentCapacity else {
        return "its root has room for \(fields.segmentCapacity) segments, not \(needed)"
      }
      for segment in 0..<fields.segmentCapacity {
        let offset = memory.loadInt(fields.slot(of: segment, in: list))
        if offset == 0 {
          if segment < needed {
            return "segment \(segment) of its list \(list.rawValue) is missing"
          }
          continue
        }
        let units = Segments.unitCount(ofSegment: segment, base: HashFields.bucketBase)
        let (byteCount, overflows) = units.multipliedReportingOverflow(by: fields.bucketSize)
        guard !overflows, memory.contains(offset, count: byteCount) else {
          return "segment \(segment) of its list \(list.rawValue) is outside the heap"
        }
        if let fault = report(offset, byteCount) { return fault }
      }
    }
    return nil
  }

  private func bucketFault(
    _ hashOf: (_ reference: Int) -> (hash: UInt64?, fault: String?)
  ) -> String? {
    var seen = Set<Int>()
    var chained = Set<Int>()
    for number in 0..<fields.bucketCount {
      var bucket = fields.offset(ofBucket: number, memory: memory)
      let level = fields.level(ofBucket: number)
      while true {
        for place in 0..<HashBucket.placeCount {
          let lane = HashBucket.lane(place, at: bucket, memory)
          if lane == 0 { continue }
          let reference = fields.reference(place, at: bucket, memory)
          guard seen.insert(reference).inserted else {
            return "its bucket \(number) refers to an entry that another does"
          }
          let (hash, fault) = hashOf(reference)
          if let fault { return fault }
          guard let hash else { continue }
          guard fields.bucket(of: hash) == number,
            HashBucket.tag(of: hash, level: level) == lane & 0xfff0
          else { return "its bucket \(number) has an entry whose hash belongs elsewhere" }
        }
        let link = HashBucket.link(bucket, memory)
        if link == 0 { break }
        guard link <= fields.overflowCount, chained.insert(link).inserted else {
          return "the chain of its bucket \(number) leads to none, or where another does"
        }
        bucket = fields.offset(ofOverflow: link, memory: memory)
      }
    }
    guard seen.count == fields.count else {
      return "it has \(seen.count) entries and counts \(fields.count)"
    }
    return freeFault(&chained)
  }

  private func freeFault(_ chained: inout Set<Int>) -> String? {
    var free = fields.firstFree
    while free != 0 {
      guard free <= fields.overflowCount, chained.insert(free).inserted else {
        return "its list of free buckets leads to none, or to one in use"
      }
      free = HashBucket.link(fields.offset(ofOverflow: free, memory: memory), memory)
    }
    guard chained.count == fields.overflowCount else {
      return "\(fields.overflowCount - chained.count) of its buckets are neither in use nor free"
    }
    return nil
  }
}
