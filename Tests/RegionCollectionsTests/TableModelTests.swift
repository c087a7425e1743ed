import MemorySnapshots
import Testing

@testable import RegionCollections

/// Tables beside Swift's dictionary, through random operations, snapshots and roll-backs.
@Suite("Tables beside a model")
struct TableModelTests {
  struct Past {
    var snapshot: HeapSnapshot
    var model: [[UInt8]: [UInt8]]
  }

  static func bytes(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// One of some thousand keys, of no bytes up to some hundred.
  static func key(_ generator: inout SeededGenerator) -> [UInt8] {
    let number = UInt32.random(in: 0..<4000, using: &generator)
    var inner = SeededGenerator(seed: UInt64(number))
    return bytes(number < 3 ? Int(number) : Int(number % 100) + 4, &inner)
  }

  @Test("A table holds what a model holds, now and in every snapshot", arguments: HeapMode.all)
  func model(mode: HeapMode) throws {
    for seed in LongRun.seeds(7) {
      print("seed \(seed)")
      var generator = SeededGenerator(seed: seed)
      var heap = try RegionHeap(byteCount: 32 << 20, options: mode.options)
      let table = try heap.table(named: "blobs")
      var model: [[UInt8]: [UInt8]] = [:]
      var pasts: [Past] = []
      for step in 0..<100 {
        let isGrowing = step % 50 < 30
        for _ in 0..<80 {
          let key = TableModelTests.key(&generator)
          switch Int.random(in: 0..<10, using: &generator) {
          case 0..<(isGrowing ? 7 : 1):
            let isLarge = Int.random(in: 0..<100, using: &generator) == 0
            let count = Int.random(in: 0...(isLarge ? 20_000 : 200), using: &generator)
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
        if step % 20 == 0 { try heap.checkConsistency() }
        if step % 10 == 0 { pasts.append(Past(snapshot: try heap.makeSnapshot(), model: model)) }
        if step % 30 == 29, let past = pasts.randomElement(using: &generator) {
          try heap.restore(to: past.snapshot)
          model = past.model
        }
      }
      try heap.checkConsistency()
      var live: [[UInt8]: [UInt8]] = [:]
      heap[table].forEach { key, value in live[copy(key)] = copy(value) }
      #expect(live == model)
      for past in pasts.shuffled(using: &generator) {
        let entries = past.snapshot.entries(of: try past.snapshot.table(named: "blobs"))
        #expect(Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) }) == past.model)
        #expect(past.model.allSatisfy { past.snapshot[table].bytes(forKey: $0.key) == $0.value })
      }
    }
  }

  private func copy(_ span: RawSpan) -> [UInt8] {
    unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  @Test("A value that fits is written in place, and is read without a copy")
  func inPlace() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let table = try heap.table(named: "texts")
    #expect(try !heap[table].updateValue("first", forKey: "key"))
    let before = address(heap, table)
    #expect(try heap[table].updateValue("other", forKey: "key"))
    #expect(address(heap, table) == before)
    #expect(heap[table].string(forKey: "key") == "other")
    #expect(try heap[table].updateValue("", forKey: "key"))
    #expect(heap[table].string(forKey: "key") == "")
    #expect(try heap[table].updateValue(String(repeating: "é", count: 5000), forKey: "key"))
    #expect(heap[table].string(forKey: "key")?.count == 5000)
    #expect(heap[table].count == 1)
    #expect(heap[table].string(forKey: "other") == nil)
    #expect(heap[table].contains("key") == true)
    try heap.checkConsistency()
    #expect(heap.removePlace(named: "texts") == true)
    try heap.checkConsistency()
  }

  private func address(_ heap: borrowing RegionHeap, _ table: RegionTable) -> UInt? {
    let key = Array("key".utf8)
    return heap[table].withBytes(forKey: key.span.rawBytes) { bytes in
      unsafe bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }
  }

  @Test("Out of memory leaves a table as it was, at each allocation")
  func outOfMemory() throws {
    for filler in stride(from: 0, to: 30_000, by: 900) {
      var heap = try RegionHeap(byteCount: 64 << 10)
      let table = try heap.table(named: "full")
      let block = filler == 0 ? nil : try heap.allocate(byteCount: filler)
      var count = 0
      var error: RegionHeapError?
      while error == nil {
        do throws(RegionHeapError) {
          try heap[table].updateValue("value of \(count)", forKey: "\(count)")
          count += 1
        } catch let thrown {
          error = thrown
        }
      }
      #expect(error?.code == .outOfMemory)
      #expect(throws: RegionHeapError.self) {
        try heap[table].updateValue(String(repeating: "x", count: 60_000), forKey: "0")
      }
      #expect(heap[table].count == count)
      for key in 0..<count where heap[table].string(forKey: "\(key)") != "value of \(key)" {
        Issue.record("entry \(key) was lost")
      }
      try heap.checkConsistency()
      if let block { heap.deallocate(block) }
      for key in 0..<count { heap[table].removeValue(forKey: "\(key)") }
      try heap[table].updateValue("again", forKey: "0")
      try heap.checkConsistency()
    }
  }
}
