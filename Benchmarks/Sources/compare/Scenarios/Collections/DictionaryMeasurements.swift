import MemorySnapshots
import RegionCollections

/// A dictionary in a heap, live and as of a snapshot, beside Swift's.
struct DictionaryMeasurements {
  let scale: Scale

  static let lookUp = "dictionary: look-up, random order"
  static let insertion = "dictionary: insertion"
  static let swift = "Swift's Dictionary"

  func run(into measurements: inout Measurements) {
    var generator = SeededGenerator(seed: 1)
    let keys = (0..<scale.of(1_000_000, quick: 100_000)).map { _ in generator.next() }
    let order = keys.shuffled(using: &generator)
    let expected = keys.reduce(0, &+)
    Rounds(
      count: scale.rounds, scenario: CollectionsScenario.scenario, condition: Self.insertion
    ).run(
      [
        Way(name: CollectionsScenario.regionHeap) { _, samples in
          try measureRegion(keys, order, expected, &samples)
        },
        Way(name: Self.swift) { _, samples in measureSwift(keys, order, expected, &samples) },
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
  }

  private func measureRegion(
    _ keys: [UInt64], _ order: [UInt64], _ expected: UInt64, _ samples: inout Samples
  ) throws {
    var heap = try RegionHeap(byteCount: 256 << 20)
    let dictionary = try heap.makeDictionary(from: UInt64.self, to: UInt64.self)
    samples.add(
      try nanoseconds(each: keys.count) { try insert(keys, into: dictionary, of: &heap) },
      CollectionsScenario.time)
    func lookUp(_ name: String? = nil, _ sum: () -> UInt64) {
      // Once before, so that all find their data as warm as it can be.
      precondition(sum() == expected)
      samples.add(
        nanoseconds(each: order.count) { precondition(sum() == expected) },
        CollectionsScenario.time, condition: Self.lookUp, peer: name)
    }
    lookUp { sum(order, of: dictionary, in: heap) }
    let past = try heap.makeSnapshot()
    // Some of the pages are written to, so that the snapshot has copies of them.
    for key in order.prefix(order.count / 100) { heap[dictionary][existing: key] = 0 }
    lookUp(CollectionsScenario.snapshot) { sum(order, of: dictionary, as: past) }
    lookUp(CollectionsScenario.snapshotReaders) { sumOfEach(order, of: dictionary, as: past) }
  }

  @inline(never)
  private func insert(
    _ keys: [UInt64], into dictionary: RegionDictionary<UInt64, UInt64>,
    of heap: inout RegionHeap
  ) throws {
    for key in keys { try heap[dictionary].updateValue(key, forKey: key) }
  }

  @inline(never)
  private func sum(
    _ keys: [UInt64], of dictionary: RegionDictionary<UInt64, UInt64>,
    in heap: borrowing RegionHeap
  ) -> UInt64 {
    var sum: UInt64 = 0
    for key in keys { sum &+= heap[dictionary][key] ?? 0 }
    return sum
  }

  @inline(never)
  private func sum(
    _ keys: [UInt64], of dictionary: RegionDictionary<UInt64, UInt64>, as past: HeapSnapshot
  ) -> UInt64 {
    let reader = past[dictionary]
    var sum: UInt64 = 0
    for key in keys { sum &+= reader[key] ?? 0 }
    return sum
  }

  @inline(never)
  private func sumOfEach(
    _ keys: [UInt64], of dictionary: RegionDictionary<UInt64, UInt64>, as past: HeapSnapshot
  ) -> UInt64 {
    var sum: UInt64 = 0
    for key in keys { sum &+= past[dictionary][key] ?? 0 }
    return sum
  }

  private func measureSwift(
    _ keys: [UInt64], _ order: [UInt64], _ expected: UInt64, _ samples: inout Samples
  ) {
    var dictionary: [UInt64: UInt64] = [:]
    samples.add(
      nanoseconds(each: keys.count) { insert(keys, into: &dictionary) }, CollectionsScenario.time)
    precondition(sum(order, of: dictionary) == expected)
    samples.add(
      nanoseconds(each: order.count) { precondition(sum(order, of: dictionary) == expected) },
      CollectionsScenario.time, condition: Self.lookUp)
  }

  @inline(never)
  private func insert(_ keys: [UInt64], into dictionary: inout [UInt64: UInt64]) {
    for key in keys { dictionary.updateValue(key, forKey: key) }
  }

  @inline(never)
  private func sum(_ keys: [UInt64], of dictionary: [UInt64: UInt64]) -> UInt64 {
    var sum: UInt64 = 0
    for key in keys { sum &+= dictionary[key] ?? 0 }
    return sum
  }
}
