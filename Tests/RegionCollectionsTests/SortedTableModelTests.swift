import MemorySnapshots
import Testing

@testable import RegionCollections

/// Sorted tables beside a sorted array, through random operations, snapshots and roll-backs.
@Suite("Sorted tables beside a model")
struct SortedTableModelTests {
  struct Past {
    var snapshot: HeapSnapshot
    var model: [[UInt8]: [UInt8]]
  }

  /// One of some thousand keys: short ones, ones that have long beginnings in common, and ones that fit into
  /// no node.
  static func key(_ generator: inout SeededGenerator) -> [UInt8] {
    let number = UInt32.random(in: 0..<4000, using: &generator)
    var inner = SeededGenerator(seed: UInt64(number))
    switch number % 16 {
    case 0: return [UInt8](repeating: 7, count: 1200) + TableModelTests.bytes(3, &inner)
    case 1: return [UInt8](repeating: 7, count: 600) + TableModelTests.bytes(3, &inner)
    case 2: return [UInt8](repeating: 0, count: Int(number) / 16)
    default: return TableModelTests.bytes(Int(number % 37), &inner)
    }
  }

  @Test(
    "A sorted table holds what a model holds, in order, now and in every snapshot",
    arguments: HeapMode.all)
  func model(mode: HeapMode) throws {
    for seed in LongRun.seeds(9) {
      print("seed \(seed)")
      var generator = SeededGenerator(seed: seed)
      var heap = try RegionHeap(byteCount: 32 << 20, options: mode.options)
      let table = try heap.sortedTable(named: "log")
      var model: [[UInt8]: [UInt8]] = [:]
      var pasts: [Past] = []
      for step in 0..<100 {
        let isGrowing = step % 50 < 30
        for _ in 0..<80 {
          let key = SortedTableModelTests.key(&generator)
          switch Int.random(in: 0..<10, using: &generator) {
          case 0..<(isGrowing ? 7 : 1):
            let isLarge = Int.random(in: 0..<50, using: &generator) == 0
            let count = Int.random(in: 0...(isLarge ? 9000 : 300), using: &generator)
            let value = TableModelTests.bytes(count, &generator)
            #expect(try heap[table].updateValue(value, forKey: key) == (model[key] != nil))
            model[key] = value
          case 9: #expect(heap[table].bytes(forKey: key) == model[key])
          default:
            let isThere = model.removeValue(forKey: key) != nil
            #expect(heap[table].removeValue(forKey: key) == isThere)
          }
        }
        #expect(heap[table].count == model.count)
        if step % (LongRun.isMade ? 5 : 20) == 0 { try heap.checkConsistency() }
        if step % 10 == 0 { pasts.append(Past(snapshot: try heap.makeSnapshot(), model: model)) }
        if step % 30 == 29, let past = pasts.randomElement(using: &generator) {
          try heap.restore(to: past.snapshot)
          model = past.model
        }
      }
      var live: [[UInt8]] = []
      heap[table].forEach { key, value in live.append(copy(key) + [0, 0] + copy(value)) }
      #expect(live == sorted(model).map { $0.key + [0, 0] + $0.value })
      for past in pasts.shuffled(using: &generator) { try compare(past, &generator) }
      for key in model.keys.shuffled(using: &generator) { heap[table].removeValue(forKey: key) }
      #expect(heap[table].isEmpty == true)
      try heap.checkConsistency()
      #expect(heap.removePlace(named: "log") == true)
      try heap.checkConsistency()
    }
  }

  private func copy(_ span: RawSpan) -> [UInt8] {
    unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  private func sorted(_ model: [[UInt8]: [UInt8]]) -> [(key: [UInt8], value: [UInt8])] {
    model.sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }

  private func compare(_ past: Past, _ generator: inout SeededGenerator) throws {
    let table = try past.snapshot.sortedTable(named: "log")
    let all = sorted(past.model)
    func isSame(
      _ one: some Sequence<(key: [UInt8], value: [UInt8])>,
      _ other: some Sequence<(key: [UInt8], value: [UInt8])>
    ) -> Bool {
      one.elementsEqual(other) { $0.key == $1.key && $0.value == $1.value }
    }
    #expect(isSame(past.snapshot.entries(of: table), all))
    #expect(isSame(past.snapshot.reversedEntries(of: table), all.reversed()))
    for _ in 0..<(LongRun.isMade ? 5 : 2) {
      let lower = SortedTableModelTests.key(&generator)
      let upper = SortedTableModelTests.key(&generator)
      let expected = all.filter {
        !$0.key.lexicographicallyPrecedes(lower) && $0.key.lexicographicallyPrecedes(upper)
      }
      #expect(isSame(past.snapshot.entries(of: table, from: lower, upTo: upper), expected))
      #expect(
        isSame(
          past.snapshot.reversedEntries(of: table, from: lower, upTo: upper), expected.reversed()))
      let start = all.filter { $0.key.lexicographicallyPrecedes(upper) }
      #expect(isSame(past.snapshot.reversedEntries(of: table, upTo: upper), start.reversed()))
      var spans: [[UInt8]] = []
      past.snapshot[table].forEachReversed(from: lower.span.rawBytes) { key, _ in
        spans.append(copy(key))
      }
      let end = all.filter { !$0.key.lexicographicallyPrecedes(lower) }
      #expect(spans == end.map(\.key).reversed())
    }
    #expect(past.model.allSatisfy { past.snapshot[table].bytes(forKey: $0.key) == $0.value })
  }

  @Test("Ascending keys fill the leaves, and as many descending ones are found as well")
  func sequential() throws {
    var heap = try RegionHeap(byteCount: 8 << 20)
    let table = try heap.sortedTable(named: "ascending")
    for number in 0..<20_000 {
      let digits = "\(number)"
      let key = String(repeating: "0", count: 8 - digits.count) + digits
      try heap[table].updateValue("value of \(number)", forKey: key)
    }
    // Some 44 bytes for each entry, full but for the last leaf.
    let fields = table.fields(in: heap.allocator.memory.readable)
    #expect(fields.nodeCount < 20_000 * 46 / 4096 + 10)
    try heap.checkConsistency()
    heap[table].removeAll()
    for number in (0..<20_000).reversed() {
      try heap[table].updateValue("\(number)", forKey: "\(number + 10_000_000)")
    }
    #expect(heap[table].count == 20_000)
    try heap.checkConsistency()
    var next = 10_000_000
    heap[table].forEach { key, _ in
      if copy(key) != Array("\(next)".utf8) { Issue.record("\(next) is missing") }
      next += 1
    }
    #expect(next == 10_020_000)
  }

  @Test("Out of memory leaves a sorted table as it was, at each allocation")
  func outOfMemory() throws {
    for filler in 0..<10 {
      var heap = try RegionHeap(byteCount: 128 << 10)
      let table = try heap.sortedTable(named: "log")
      let block = filler == 0 ? nil : try heap.allocate(byteCount: filler * 4096)
      var generator = SeededGenerator(seed: UInt64(filler))
      var model: [[UInt8]: [UInt8]] = [:]
      var failures = 0
      while failures < 30 {
        let key = SortedTableModelTests.key(&generator)
        let count = Int.random(in: 0..<900, using: &generator)
        let value = TableModelTests.bytes(count, &generator)
        do throws(RegionHeapError) {
          try heap[table].updateValue(value, forKey: key)
          model[key] = value
        } catch {
          #expect(error.code == .outOfMemory)
          failures += 1
          try heap.checkConsistency()
        }
      }
      let snapshot = try heap.makeSnapshot()
      try compare(Past(snapshot: snapshot, model: model), &generator)
      if let block { heap.deallocate(block) }
      for key in model.keys { heap[table].removeValue(forKey: key) }
      try heap[table].updateValue("again", forKey: "0")
      try heap.checkConsistency()
    }
  }
}
