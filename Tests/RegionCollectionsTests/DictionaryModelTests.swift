import MemorySnapshots
import Testing

@testable import RegionCollections

/// Dictionaries beside Swift's, through random operations, snapshots and roll-backs.
@Suite("Dictionaries beside a model")
struct DictionaryModelTests {
  /// With padding, which must not matter.
  struct Position: RegionKey, Hashable {
    var row: UInt8
    var column: Int32
    func hash(seed: UInt64) -> UInt64 { column.hash(seed: row.hash(seed: seed)) }
  }

  struct Past {
    var snapshot: HeapSnapshot
    var model: [Position: Int]
  }

  private static func key(_ generator: inout SeededGenerator, _ range: Int) -> Position {
    let number = Int.random(in: 0..<range, using: &generator)
    return Position(row: UInt8(number & 255), column: Int32(number >> 3))
  }

  @Test("A dictionary holds what a model holds, now and in every snapshot", arguments: HeapMode.all)
  func model(mode: HeapMode) throws {
    for seed in LongRun.seeds(5) {
      print("seed \(seed)")
      var generator = SeededGenerator(seed: seed)
      var heap = try RegionHeap(byteCount: 8 << 20, options: mode.options)
      let dictionary = try heap.dictionary(from: Position.self, to: Int.self, named: "places")
      var model: [Position: Int] = [:]
      var pasts: [Past] = []
      for step in 0..<160 {
        // Grows to some thousands of entries and shrinks again, through several levels of buckets.
        let isGrowing = step % 80 < 50
        for _ in 0..<100 {
          let key = DictionaryModelTests.key(&generator, 6000)
          switch Int.random(in: 0..<10, using: &generator) {
          case 0..<(isGrowing ? 7 : 1):
            let value = Int.random(in: 0..<1 << 40, using: &generator)
            #expect(try heap[dictionary].updateValue(value, forKey: key) == model[key])
            model[key] = value
          case 8 where model[key] != nil:
            heap[dictionary][existing: key] ^= 5
            model[key, default: 0] ^= 5
          case 9: #expect(heap[dictionary][key] == model[key])
          default:
            #expect(heap[dictionary].removeValue(forKey: key) == model.removeValue(forKey: key))
          }
        }
        #expect(heap[dictionary].count == model.count)
        #expect(DictionaryCheck.firstFault(dictionary, in: heap.allocator.memory.readable) == nil)
        if step % 16 == 0 { pasts.append(Past(snapshot: try heap.makeSnapshot(), model: model)) }
        if step == 79 {
          heap[dictionary].removeAll()
          model = [:]
        }
        if step % 30 == 29, let past = pasts.randomElement(using: &generator) {
          try heap.restore(to: past.snapshot)
          model = past.model
        }
      }
      try heap.checkConsistency()
      var live: [Position: Int] = [:]
      heap[dictionary].forEach { live[$0] = $1 }
      #expect(live == model)
      for past in pasts.shuffled(using: &generator) {
        let same = try past.snapshot.dictionary(
          from: Position.self, to: Int.self, named: "places")
        let pairs = past.snapshot.entries(of: same).map { ($0.key, $0.value) }
        #expect(Dictionary(uniqueKeysWithValues: pairs) == past.model)
        #expect(past.model.allSatisfy { past.snapshot[dictionary][$0.key] == $0.value })
      }
    }
  }

  @Test("Values that are too large for buckets are blocks of their own")
  func large() throws {
    typealias Wide = InlineArray<13, Int>
    var generator = SeededGenerator(seed: 3)
    var heap = try RegionHeap(byteCount: 4 << 20)
    let dictionary = try heap.dictionary(from: UInt16.self, to: Wide.self, named: "wide")
    #expect(DictionaryEntry<UInt16, Wide>.layout.isInline == false)
    var model: [UInt16: Int] = [:]
    for step in 0..<20_000 {
      let key = UInt16.random(in: 0..<3000, using: &generator)
      if Int.random(in: 0..<(step < 10_000 ? 10 : 3), using: &generator) > 1 {
        let old = try heap[dictionary].updateValue(Wide(repeating: step), forKey: key)
        #expect(old?[12] == model.updateValue(step, forKey: key))
      } else {
        #expect(heap[dictionary].removeValue(forKey: key)?[0] == model.removeValue(forKey: key))
      }
      if step % 2000 == 0 { try heap.checkConsistency() }
    }
    #expect(heap[dictionary].count == model.count)
    #expect(model.allSatisfy { heap[dictionary][$0.key]?[5] == $0.value })
    heap[dictionary].removeAll()
    #expect(heap[dictionary].isEmpty == true)
    try heap.checkConsistency()
    #expect(heap.removePlace(named: "wide") == true)
    try heap.checkConsistency()
  }

  @Test("Nested dictionaries: handles are values, and memory comes back when they are removed")
  func nesting() throws {
    var heap = try RegionHeap(byteCount: 4 << 20)
    let empty = heap.statistics.bytesInUse
    let outer = try heap.dictionary(
      from: RegionUUID.self, to: RegionDictionary<Int, UInt16>.self, named: "outer")
    var generator = SeededGenerator(seed: 1)
    let keys = (0..<50).map { _ in RegionUUID(using: &generator) }
    for (number, key) in keys.enumerated() {
      let inner = try heap.makeDictionary(from: Int.self, to: UInt16.self)
      try heap[outer].updateValue(inner, forKey: key)
      for value in 0..<number { try heap[inner].updateValue(UInt16(value), forKey: value) }
    }
    let first = try #require(heap[outer][keys[1]])
    let last = try #require(heap[outer][keys[49]])
    try heap[first].updateValue(heap[last][48] ?? 0, forKey: 7)
    #expect(heap[first][7] == 48)
    #expect(heap[heap[outer][existing: keys[30]]].count == 30)
    try heap.checkConsistency()
    for key in keys {
      if let inner = heap[outer].removeValue(forKey: key) { heap.remove(inner) }
    }
    heap.remove(outer)
    #expect(heap.statistics.bytesInUse <= empty + 4096)
    try heap.checkConsistency()
  }

  @Test("Out of memory leaves a dictionary as it was, at each allocation")
  func outOfMemory() throws {
    for filler in stride(from: 0, to: 40_000, by: 1000) {
      var heap = try RegionHeap(byteCount: 64 << 10)
      let dictionary = try heap.dictionary(from: Int.self, to: (Int, Int).self, named: "full")
      let block = filler == 0 ? nil : try heap.allocate(byteCount: filler)
      var count = 0
      var error: RegionHeapError?
      while error == nil {
        do throws(RegionHeapError) {
          try heap[dictionary].updateValue((count, -count), forKey: count)
          count += 1
        } catch let thrown {
          error = thrown
        }
      }
      #expect(error?.code == .outOfMemory)
      #expect(heap[dictionary].count == count)
      for key in 0..<count where heap[dictionary][key]?.1 != -key {
        Issue.record("entry \(key) was lost")
      }
      try heap.checkConsistency()
      if let block { heap.deallocate(block) }
      for key in 0..<count { heap[dictionary].removeValue(forKey: key) }
      try heap[dictionary].updateValue((1, 1), forKey: 1)
      try heap.checkConsistency()
    }
  }
}
