import CPeers
import Histogram
import MemorySnapshots
import RegionCollections

/// What single insertions cost while a dictionary or a table grows: the longest, and what they dirty and move.
struct CollectionGrowthMeasurements {
  let scale: Scale

  static let dictionary = "dictionary: growth"
  static let table = "table: growth"

  private var count: Int { scale.of(10_000_000, quick: 100_000) }
  private var rounds: Int { scale.of(3, quick: 1) }

  func run(into measurements: inout Measurements) {
    var generator = SeededGenerator(seed: 6)
    let words = (0..<count).map { _ in generator.next() }
    Rounds(count: rounds, scenario: CollectionsScenario.scenario, condition: Self.dictionary).run(
      [
        Way(name: CollectionsScenario.regionHeap) { round, samples in
          var heap = try RegionHeap(byteCount: 1 << 30)
          let dictionary = try heap.makeDictionary(from: UInt64.self, to: UInt64.self)
          try measure(words, &samples) { try heap[dictionary].updateValue($0, forKey: $0) }
          if round == 0 { try lookCloser(words, &samples) }
        },
        Way(name: DictionaryMeasurements.swift) { round, samples in
          var dictionary: [UInt64: UInt64] = [:]
          try measure(words, &samples) { dictionary.updateValue($0, forKey: $0) }
          if round == 0 { lookCloserAtSwift(words, &samples) }
        },
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
    let keys = EntryKeys(count: count, seed: 7)
    Rounds(count: rounds, scenario: CollectionsScenario.scenario, condition: Self.table).run(
      [
        Way(name: CollectionsScenario.regionHeap) { round, samples in
          try measureTable(keys, &samples)
          if round == 0 { try lookCloserAtTable(keys, &samples) }
        }
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
  }

  // MARK: - Time

  @inline(__always)
  private func measure<Result>(
    _ keys: [UInt64], _ samples: inout Samples, _ insert: (UInt64) throws -> Result
  ) throws {
    let latencies = try LatencyRecorder()
    var last = cpeers_now()
    for key in keys {
      _ = try insert(key)
      let now = cpeers_now()
      cpeers_latencies_record(latencies.recorder, now - last)
      last = now
    }
    add(latencies, to: &samples)
  }

  private func measureTable(_ keys: EntryKeys, _ samples: inout Samples) throws {
    var heap = try RegionHeap(byteCount: 2 << 30)
    let table = try heap.makeTable()
    let latencies = try LatencyRecorder()
    var last = cpeers_now()
    try keys.forEach { key in
      try heap[table].updateValue(keys.value.span.bytes, forKey: key)
      let now = cpeers_now()
      cpeers_latencies_record(latencies.recorder, now - last)
      last = now
    }
    add(latencies, to: &samples)
  }

  private func add(_ latencies: LatencyRecorder, to samples: inout Samples) {
    var histogram = Histogram<UInt64>.ofNanoseconds()
    latencies.add(to: &histogram)
    let median = Double(histogram.valueAtPercentile(50))
    samples.add(median, CollectionsScenario.time)
    samples.add(Double(histogram.valueAtPercentile(99.99)) / median, CollectionsScenario.tail)
  }

  // MARK: - Pages and entries

  /// Which insertions are looked at one by one, with a snapshot before each: the first ones, those around
  /// each moment at which a segment of buckets is full, and some at random.
  private func windows(_ entriesInBucket: Double) -> [Range<Int>] {
    var isLookedAt = [Bool](repeating: false, count: count)
    func add(_ start: Int, _ length: Int) {
      for index in start..<start + length where isLookedAt.indices.contains(index) {
        isLookedAt[index] = true
      }
    }
    add(0, scale.of(20_000, quick: 2_000))
    var segment = 2
    var buckets = 0
    while Double(buckets) * entriesInBucket < Double(count) {
      for _ in 0..<4 {
        buckets += segment
        add(Int(Double(buckets) * entriesInBucket) - 30, 60)
      }
      segment *= 2
    }
    var generator = SeededGenerator(seed: 8)
    for _ in 0..<scale.of(100, quick: 5) {
      add(.random(in: 0..<count, using: &generator), 100)
    }
    var windows: [Range<Int>] = []
    var start = 0
    while start < count {
      guard isLookedAt[start] else {
        start += 1
        continue
      }
      var end = start
      while end < count, isLookedAt[end] { end += 1 }
      windows.append(start..<end)
      start = end
    }
    return windows
  }

  /// Inserts everything, and calls `look` with what the insertions in the windows have changed.
  private func insertInWindows(
    _ heap: inout RegionHeap, _ insert: (inout RegionHeap, Int) throws -> Void,
    _ look: (_ before: MemorySnapshot, _ changed: [Range<Int>]) throws -> Void
  ) throws {
    var next = 0
    for window in windows(6) {
      while next < window.lowerBound {
        try insert(&heap, next)
        next += 1
      }
      var before = try heap.region.makeSnapshot()
      while next < window.upperBound {
        try insert(&heap, next)
        next += 1
        let after = try heap.region.makeSnapshot()
        try look(before, try after.changedRanges(since: before))
        before.release()
        before = after
      }
      before.release()
    }
  }

  private func lookCloser(_ keys: [UInt64], _ samples: inout Samples) throws {
    var heap = try RegionHeap(byteCount: 1 << 30)
    let region = heap.region
    let dictionary = try heap.makeDictionary(from: UInt64.self, to: UInt64.self)
    var mostPages = 0
    var mostEntries = 0
    try insertInWindows(&heap) { heap, index in
      try heap[dictionary].updateValue(keys[index], forKey: keys[index])
    } _: { before, changed in
      var entries = 0
      for range in changed {
        var past = [UInt8](repeating: 0, count: range.count)
        try past.withUnsafeMutableBytes { try before.copyBytes(in: range, into: $0) }
        // An entry is its key twice. One that lies where it was not before was moved, or inserted.
        past.withUnsafeBytes { past in
          let now = region.baseAddress + range.lowerBound
          for offset in stride(from: 0, to: range.count, by: 16) {
            let key = now.load(fromByteOffset: offset, as: UInt64.self)
            guard key != 0, now.load(fromByteOffset: offset + 8, as: UInt64.self) == key,
              past.load(fromByteOffset: offset, as: UInt64.self) != key
            else { continue }
            entries += 1
          }
        }
      }
      mostPages = max(mostPages, Self.pages(changed))
      mostEntries = max(mostEntries, entries - 1)
    }
    samples.add(Double(mostPages), CollectionsScenario.pages)
    samples.add(Double(mostEntries), CollectionsScenario.moved)
  }

  private func lookCloserAtTable(_ keys: EntryKeys, _ samples: inout Samples) throws {
    var heap = try RegionHeap(byteCount: 2 << 30)
    let table = try heap.makeTable()
    var mostPages = 0
    try insertInWindows(&heap) { heap, index in
      try heap[table].updateValue(keys.value.span.bytes, forKey: keys[index])
    } _: { _, changed in
      mostPages = max(mostPages, Self.pages(changed))
    }
    samples.add(Double(mostPages), CollectionsScenario.pages)
  }

  private static func pages(_ ranges: [Range<Int>]) -> Int {
    ranges.reduce(0) { $0 + ($1.count + 4095) / 4096 }
  }

  /// A dictionary of Swift's that is full moves everything into a storage of twice the size, all of whose pages
  /// get some.
  private func lookCloserAtSwift(_ keys: [UInt64], _ samples: inout Samples) {
    var dictionary: [UInt64: UInt64] = [:]
    var moved = 0
    var pages = 0
    for key in keys {
      let capacity = dictionary.capacity
      let count = dictionary.count
      dictionary.updateValue(key, forKey: key)
      if dictionary.capacity != capacity {
        moved = max(moved, count)
        pages = max(pages, dictionary.capacity * 16 / 4096)
      }
    }
    samples.add(Double(pages), CollectionsScenario.pages)
    samples.add(Double(moved), CollectionsScenario.moved)
  }
}
