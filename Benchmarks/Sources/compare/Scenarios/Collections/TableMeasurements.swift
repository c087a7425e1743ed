import CxxPeers
import MemorySnapshots
import RegionCollections

/// A table in a heap, live and as of a snapshot, beside C++'s.
struct TableMeasurements {
  let scale: Scale

  static let lookUp = "table: look-up, random order"
  static let insertion = "table: insertion"
  static let unorderedMap = "std::unordered_map"

  func run(into measurements: inout Measurements) {
    let keys = EntryKeys(count: scale.of(1_000_000, quick: 50_000), seed: 2)
    let order = keys.shuffled(seed: 3)
    Rounds(
      count: scale.rounds, scenario: CollectionsScenario.scenario, condition: Self.insertion
    ).run(
      [
        Way(name: CollectionsScenario.regionHeap) { _, samples in
          try measureRegion(keys, order, &samples)
        },
        Way(name: Self.unorderedMap) { _, samples in measureMap(keys, order, &samples) },
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
  }

  private func measureRegion(
    _ keys: EntryKeys, _ order: EntryKeys, _ samples: inout Samples
  ) throws {
    var heap = try RegionHeap(byteCount: 512 << 20)
    let table = try heap.makeTable()
    let pagesBefore = heap.statistics.pagesTouched
    samples.add(
      try nanoseconds(each: keys.count) { try insert(keys, into: table, of: &heap) },
      CollectionsScenario.time)
    let pages = heap.statistics.pagesTouched - pagesBefore
    samples.add(
      Double(pages * 4096) / Double(keys.count * (EntryKeys.keySize + EntryKeys.valueSize)),
      CollectionsScenario.memory)
    func lookUp(_ name: String? = nil, _ sum: () -> Int) {
      // Once before, so that all find their data as warm as it can be.
      precondition(sum() == order.expectedSum)
      samples.add(
        nanoseconds(each: order.count) { precondition(sum() == order.expectedSum) },
        CollectionsScenario.time, condition: Self.lookUp, peer: name)
    }
    lookUp { sum(order, of: table, in: heap) }
    let past = try heap.makeSnapshot()
    // Some of the pages are written to, so that the snapshot has copies of them.
    try insert(order.prefix(order.count / 100), into: table, of: &heap)
    lookUp(CollectionsScenario.snapshot) { sum(order, of: table, as: past) }
    lookUp(CollectionsScenario.snapshotReaders) { sumOfEach(order, of: table, as: past) }
  }

  @inline(never)
  private func insert(
    _ keys: EntryKeys, into table: RegionTable, of heap: inout RegionHeap
  ) throws {
    try keys.forEach { try heap[table].updateValue(keys.value.span.bytes, forKey: $0) }
  }

  @inline(never)
  private func sum(
    _ keys: EntryKeys, of table: RegionTable, in heap: borrowing RegionHeap
  ) -> Int {
    var sum = 0
    keys.forEach { key in
      sum += heap[table].withBytes(forKey: key) { Int($0.unsafeLoad(as: UInt8.self)) } ?? 0
    }
    return sum
  }

  @inline(never)
  private func sum(_ keys: EntryKeys, of table: RegionTable, as past: HeapSnapshot) -> Int {
    let reader = past[table]
    var sum = 0
    for index in 0..<keys.count {
      if let value = reader.bytes(forKey: keys[index]) {
        sum += Int(value.unsafeLoad(as: UInt8.self))
      }
    }
    return sum
  }

  @inline(never)
  private func sumOfEach(
    _ keys: EntryKeys, of table: RegionTable, as past: HeapSnapshot
  ) -> Int {
    var sum = 0
    keys.forEach { key in
      if let value = past[table].bytes(forKey: key) {
        sum += Int(value.unsafeLoad(as: UInt8.self))
      }
    }
    return sum
  }

  private func measureMap(_ keys: EntryKeys, _ order: EntryKeys, _ samples: inout Samples) {
    let map = cxxpeers_map_make()
    defer { cxxpeers_map_free(map) }
    samples.add(
      nanoseconds(each: keys.count) {
        cxxpeers_map_insert(
          map, keys.words, EntryKeys.keySize, keys.count, keys.value, EntryKeys.valueSize)
      }, CollectionsScenario.time)
    func sum() -> Int {
      cxxpeers_map_sum(map, order.words, EntryKeys.keySize, order.count)
    }
    precondition(sum() == order.expectedSum)
    samples.add(
      nanoseconds(each: order.count) { precondition(sum() == order.expectedSum) },
      CollectionsScenario.time, condition: Self.lookUp)
  }
}
