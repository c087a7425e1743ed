import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("Differences between snapshots")
struct DifferenceTests {
  @Test(
    "A table's differences are those of a model, through growth, shrinking and in-place changes")
  func table() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var heap = try RegionHeap(byteCount: 32 << 20)
    let table = try heap.table(named: "t")
    var model: [[UInt8]: [UInt8]] = [:]
    var past = try heap.makeSnapshot()
    var before = model
    for step in 0..<60 {
      let isGrowing = step % 30 < 18
      for _ in 0..<Int.random(in: 0..<(step % 3 == 0 ? 300 : 20), using: &generator) {
        let key = TableModelTests.key(&generator)
        if Int.random(in: 0..<10, using: &generator) < (isGrowing ? 7 : 2) {
          let isLarge = Int.random(in: 0..<20, using: &generator) == 0
          let value = TableModelTests.bytes(isLarge ? 30_000 : 60, &generator)
          try heap[table].updateValue(value, forKey: key)
          model[key] = value
        } else if let key = model.keys.randomElement(using: &generator) {
          heap[table].removeValue(forKey: key)
          model[key] = nil
        }
      }
      if step == 45 {
        heap[table].removeAll()
        model = [:]
      }
      let now = try heap.makeSnapshot()
      let found = try now.differences(of: table, since: past)
      #expect(Set(found.added) == Set(model.keys.filter { before[$0] == nil }))
      #expect(Set(found.removed) == Set(before.keys.filter { model[$0] == nil }))
      let changed = model.filter { before[$0.key] != nil && before[$0.key] != $0.value }
      #expect(Set(found.changed) == Set(changed.keys))
      #expect(found.added.count == Set(found.added).count)
      past = now
      before = model
    }
  }

  @Test("A dictionary's differences are those of a model, through growth and shrinking")
  func dictionary() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var heap = try RegionHeap(byteCount: 32 << 20)
    let dictionary = try heap.dictionary(from: UInt64.self, to: Int.self, named: "d")
    var model: [UInt64: Int] = [:]
    var past = try heap.makeSnapshot()
    var before = model
    for step in 0..<80 {
      let isGrowing = step % 40 < 24
      for _ in 0..<Int.random(in: 0..<(step % 3 == 0 ? 1000 : 20), using: &generator) {
        let key = UInt64.random(in: 0..<9000, using: &generator)
        if Int.random(in: 0..<10, using: &generator) < (isGrowing ? 7 : 2) {
          try heap[dictionary].updateValue(step, forKey: key)
          model[key] = step
        } else {
          heap[dictionary].removeValue(forKey: key)
          model[key] = nil
        }
      }
      let now = try heap.makeSnapshot()
      let found = try now.differences(of: dictionary, since: past, by: ==)
      #expect(Set(found.added) == Set(model.keys.filter { before[$0] == nil }))
      #expect(Set(found.removed) == Set(before.keys.filter { model[$0] == nil }))
      let changed = model.filter { before[$0.key] != nil && before[$0.key] != $0.value }
      #expect(Set(found.changed) == Set(changed.keys))
      past = now
      before = model
    }
  }

  @Test("Only entries on changed pages are looked at")
  func proportion() throws {
    var heap = try RegionHeap(byteCount: 64 << 20)
    let table = try heap.table(named: "t")
    for number in 0..<20_000 { try heap[table].updateValue("value \(number)", forKey: "\(number)") }
    let past = try heap.makeSnapshot()
    try heap[table].updateValue("VALUE 7", forKey: "7")
    let now = try heap.makeSnapshot()
    let found = try now.differences(of: table, since: past)
    #expect(found.changed == [Array("7".utf8)])
    #expect(found.added.isEmpty && found.removed.isEmpty)
    let ranges = try now.memorySnapshot.changedRanges(since: past.memorySnapshot)
    let side = table.side(in: now.memory)
    let other = table.side(in: past.memory)
    let looked = side.candidates(ranges, other: other.fields, otherMemory: other.memory)
    // A page of blocks of 32 bytes; the value was written in place, and no bucket.
    #expect(looked.count <= 128 * ranges.count)
  }

  @Test("A snapshot that is gone is an error, not a trap")
  func gone() throws {
    var heap = try RegionHeap(byteCount: 4 << 20)
    let table = try heap.table(named: "t")
    let dictionary = try heap.dictionary(from: Int.self, to: Int.self, named: "d")
    let past = try heap.makeSnapshot()
    let now = try heap.makeSnapshot()
    past.release()
    for attempt in 0..<2 {
      do throws(RegionHeapError) {
        if attempt == 0 {
          _ = try now.differences(of: table, since: past)
        } else {
          _ = try now.differences(of: dictionary, since: past, by: ==)
        }
        Issue.record("the snapshot is there")
      } catch {
        #expect(error.code == .snapshotFailed)
      }
    }
  }
}
