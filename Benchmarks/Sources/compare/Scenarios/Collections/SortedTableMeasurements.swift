import CPeers
import Foundation
import MemorySnapshots
import RegionCollections

/// A sorted table in a heap, live and as of a snapshot, beside LMDB in memory.
struct SortedTableMeasurements {
  let scale: Scale

  static let lookUp = "sorted table: look-up, random order"
  static let insertion = "sorted table: insertion, random order, one transaction"
  static let scan = "sorted table: scan"
  static let lmdb = "LMDB"
  static let hugePages = "region heap in huge pages"
  static let noTransaction = "region heap, no transaction"

  func run(into measurements: inout Measurements) {
    let keys = EntryKeys(count: scale.of(1_000_000, quick: 50_000), seed: 4)
    let order = keys.shuffled(seed: 5)
    Rounds(
      count: scale.rounds, scenario: CollectionsScenario.scenario, condition: Self.insertion
    ).run(
      [
        Way(name: CollectionsScenario.regionHeap) { _, samples in
          try measureRegion(keys, order, &samples)
        },
        Way(name: Self.hugePages) { _, samples in
          var heap = try RegionHeap(
            byteCount: 512 << 20, options: MemoryRegion.Options(backing: .anonymous))
          let table = try heap.makeSortedTable()
          samples.add(
            try nanoseconds(each: keys.count) {
              try heap.transaction { try insert(keys, into: table, of: &$0) }
            }, CollectionsScenario.time)
        },
        Way(name: Self.noTransaction) { _, samples in
          var heap = try RegionHeap(byteCount: 512 << 20)
          let table = try heap.makeSortedTable()
          samples.add(
            try nanoseconds(each: keys.count) { try insert(keys, into: table, of: &heap) },
            CollectionsScenario.time)
        },
        Way(name: Self.lmdb) { _, samples in try measureLMDB(keys, order, &samples) },
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
  }

  private func measureRegion(
    _ keys: EntryKeys, _ order: EntryKeys, _ samples: inout Samples
  ) throws {
    var heap = try RegionHeap(byteCount: 512 << 20)
    let table = try heap.makeSortedTable()
    samples.add(
      try nanoseconds(each: keys.count) {
        try heap.transaction { try insert(keys, into: table, of: &$0) }
      }, CollectionsScenario.time)
    func read(_ condition: String, _ name: String? = nil, _ sum: () -> Int) {
      // Once before, so that all find their data as warm as it can be.
      precondition(sum() == order.expectedSum)
      samples.add(
        nanoseconds(each: order.count) { precondition(sum() == order.expectedSum) },
        CollectionsScenario.time, condition: condition, peer: name)
    }
    read(Self.lookUp) { sum(order, of: table, in: heap) }
    read(Self.scan) { scan(table, in: heap) }
    let past = try heap.makeSnapshot()
    // Some of the pages are written to, so that the snapshot has copies of them.
    try insert(order.prefix(order.count / 100), into: table, of: &heap)
    read(Self.lookUp, CollectionsScenario.snapshot) { sum(order, of: table, as: past) }
    read(Self.scan, CollectionsScenario.snapshot) { scan(table, as: past) }
  }

  @inline(never)
  private func insert(
    _ keys: EntryKeys, into table: RegionSortedTable, of heap: inout RegionHeap
  ) throws {
    try keys.forEach { try heap[table].updateValue(keys.value.span.bytes, forKey: $0) }
  }

  @inline(never)
  private func sum(
    _ keys: EntryKeys, of table: RegionSortedTable, in heap: borrowing RegionHeap
  ) -> Int {
    var sum = 0
    keys.forEach { key in
      sum += heap[table].withBytes(forKey: key) { Int($0.unsafeLoad(as: UInt8.self)) } ?? 0
    }
    return sum
  }

  @inline(never)
  private func sum(_ keys: EntryKeys, of table: RegionSortedTable, as past: HeapSnapshot) -> Int {
    var sum = 0
    keys.forEach { key in
      if let value = past[table].bytes(forKey: key) {
        sum += Int(value.unsafeLoad(as: UInt8.self))
      }
    }
    return sum
  }

  @inline(never)
  private func scan(_ table: RegionSortedTable, in heap: borrowing RegionHeap) -> Int {
    var sum = 0
    heap[table].forEach { _, value in sum += Int(value.unsafeLoad(as: UInt8.self)) }
    return sum
  }

  @inline(never)
  private func scan(_ table: RegionSortedTable, as past: HeapSnapshot) -> Int {
    var sum = 0
    past[table].forEach { _, value in sum += Int(value.unsafeLoad(as: UInt8.self)) }
    return sum
  }

  private func measureLMDB(
    _ keys: EntryKeys, _ order: EntryKeys, _ samples: inout Samples
  ) throws {
    // A file system in memory on every Linux.
    let folder = URL(filePath: "/dev/shm/compare-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    var error: UnsafePointer<CChar>?
    guard let database = cpeers_lmdb_open(folder.path(percentEncoded: false), 1 << 30, &error)
    else { throw PeerError(description: error.map { String(cString: $0) } ?? "LMDB has failed") }
    defer { cpeers_lmdb_close(database) }
    samples.add(
      nanoseconds(each: keys.count) {
        let isDone = cpeers_lmdb_insert(
          database, keys.words, EntryKeys.keySize, keys.count, keys.value, EntryKeys.valueSize)
        precondition(isDone != 0)
      }, CollectionsScenario.time)
    func read(_ condition: String, _ sum: () -> Int) {
      precondition(sum() == order.expectedSum)
      samples.add(
        nanoseconds(each: order.count) { precondition(sum() == order.expectedSum) },
        CollectionsScenario.time, condition: condition)
    }
    read(Self.lookUp) {
      cpeers_lmdb_sum(database, order.words, EntryKeys.keySize, order.count)
    }
    read(Self.scan) { cpeers_lmdb_scan(database) }
  }
}
