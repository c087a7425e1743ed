import Foundation
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

  @Test("A sorted table's differences are those of a model, between any two snapshots, in order")
  func sortedTable() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var heap = try RegionHeap(byteCount: 32 << 20)
    let table = try heap.sortedTable(named: "s")
    // Other containers write to pages as well.
    let beside = try heap.table(named: "t")
    var model: [[UInt8]: [UInt8]] = [:]
    var pasts = [(snapshot: try heap.makeSnapshot(), model: model)]
    let steps = LongRun.isMade ? 180 : 50
    for step in 0..<steps {
      let isGrowing = step % 30 < 20
      for _ in 0..<Int.random(in: 0..<(step % 3 == 0 ? 500 : 20), using: &generator) {
        let key = SortedTableModelTests.key(&generator)
        try heap[beside].updateValue(key, forKey: Array(key.prefix(1)))
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<(isGrowing ? 7 : 2):
          let isLarge = Int.random(in: 0..<20, using: &generator) == 0
          let value = TableModelTests.bytes(isLarge ? 3000 : 90, &generator)
          try heap[table].updateValue(value, forKey: key)
          model[key] = value
        case 7:
          // In its block, where it has one.
          guard let value = model[key]?.map({ $0 ^ 1 }) else { continue }
          try heap[table].updateValue(value, forKey: key)
          model[key] = value
        default:
          heap[table].removeValue(forKey: key)
          model[key] = nil
        }
      }
      if step % 25 == 24 {
        heap[table].removeAll()
        if step == 24 { model = [:] }
        // All over again: nothing is different, but where it lies.
        for (key, value) in model { try heap[table].updateValue(value, forKey: key) }
      }
      if step == 40, let past = pasts.dropFirst(20).first {
        try heap.restore(to: past.snapshot)
        model = past.model
      }
      let now = try heap.makeSnapshot()
      pasts.append((now, model))
      if step % 3 == 0 {
        let past = pasts[Int.random(in: 0..<pasts.count - 1, using: &generator)]
        try compare(table, now, model, past.snapshot, past.model)
      }
      try compare(table, now, model, pasts[pasts.count - 2].snapshot, pasts[pasts.count - 2].model)
    }
  }

  private func compare(
    _ table: RegionSortedTable, _ now: HeapSnapshot, _ model: [[UInt8]: [UInt8]],
    _ past: HeapSnapshot, _ before: [[UInt8]: [UInt8]]
  ) throws {
    func sorted(_ keys: some Sequence<[UInt8]>) -> [[UInt8]] {
      keys.sorted { $0.lexicographicallyPrecedes($1) }
    }
    let found = try now.differences(of: table, since: past)
    // Not in one expectation: its message would have every byte of every key.
    let changed = model.filter { before[$0.key] != nil && before[$0.key] != $0.value }
    let isRight = [
      found.added == sorted(model.keys.filter { before[$0] == nil }),
      found.removed == sorted(before.keys.filter { model[$0] == nil }),
      found.changed == sorted(changed.keys),
    ]
    #expect(isRight == [true, true, true], "what was added, removed, changed")
    // No page counts as changed that has the content which it had: the same answer.
    let (new, old) = (now.memory, past.memory)
    var pages: [Range<Int>] = []
    for range in try now.memorySnapshot.changedRanges(since: past.memorySnapshot) {
      for page in stride(from: range.lowerBound, to: range.upperBound, by: 4096)
      where unsafe memcmp(new.base + page, old.base + page, 4096) != 0 {
        pages.append(page..<page + 4096)
      }
    }
    let exact = SortedSide.differences(
      SortedSide(memory: new, fields: table.fields(in: new)),
      SortedSide(memory: old, fields: table.fields(in: old)), pages)
    let isSame = [
      exact.added == found.added, exact.removed == found.removed, exact.changed == found.changed,
    ]
    #expect(isSame == [true, true, true], "what was added, removed, changed")
  }

  @Test("Only leaves on changed pages of a sorted table are looked at, and those that moved")
  func sortedProportion() throws {
    var heap = try RegionHeap(byteCount: 64 << 20)
    let table = try heap.sortedTable(named: "t")
    for number in 0..<20_000 {
      try heap[table].updateValue("value \(number)", forKey: "\(100_000 + number)")
    }
    let past = try heap.makeSnapshot()
    for number in 0..<300 {
      // In the middle, so that leaves and the root are split.
      try heap[table].updateValue("another value", forKey: "110000 \(1000 + number)")
    }
    let now = try heap.makeSnapshot()
    let found = try now.differences(of: table, since: past)
    #expect(found.added.count == 300 && found.changed.isEmpty && found.removed.isEmpty)
    let ranges = try now.memorySnapshot.changedRanges(since: past.memorySnapshot)
    let new = SortedSide(memory: now.memory, fields: table.fields(in: now.memory))
    let old = SortedSide(memory: past.memory, fields: table.fields(in: past.memory))
    let looked = SortedCandidates.leaves(of: new, other: old, ranges)
    // Three hundred entries of some 40 bytes fill a few leaves; there are some 170.
    #expect(looked.count < 12 && new.fields.nodeCount > 150, "\(looked.count) leaves")
    let lookedAtOld = SortedCandidates.leaves(of: old, other: new, ranges)
    #expect(lookedAtOld.count < 12, "\(lookedAtOld.count) leaves")
  }

  @Test("A large value of a sorted table that was written over in its block is a change")
  func sortedBlocks() throws {
    var heap = try RegionHeap(byteCount: 8 << 20)
    let table = try heap.sortedTable(named: "t")
    for number in 0..<100 {
      try heap[table].updateValue(
        [UInt8](repeating: 1, count: 2000 + number * 100), forKey: [UInt8(number)])
    }
    let past = try heap.makeSnapshot()
    for number in [3, 70] {
      try heap[table].updateValue(
        [UInt8](repeating: 2, count: 2000 + number * 100), forKey: [UInt8(number)])
    }
    let now = try heap.makeSnapshot()
    let found = try now.differences(of: table, since: past)
    #expect(found.changed == [[3], [70]])
    #expect(found.added.isEmpty && found.removed.isEmpty)
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
    let sorted = try heap.sortedTable(named: "s")
    let past = try heap.makeSnapshot()
    let now = try heap.makeSnapshot()
    past.release()
    for attempt in 0..<3 {
      do throws(RegionHeapError) {
        if attempt == 0 {
          _ = try now.differences(of: table, since: past)
        } else if attempt == 1 {
          _ = try now.differences(of: sorted, since: past)
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
