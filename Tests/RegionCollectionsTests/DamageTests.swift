import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("Damaged heaps")
struct DamageTests {
  /// A heap with something of everything, and how many of its bytes are in use.
  static func heap() throws -> RegionHeap {
    var heap = try RegionHeap(byteCount: 2 << 20)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    try heap[numbers].append(contentsOf: Array(0..<3000).span)
    let texts = try heap.array(of: RegionBytes.self, named: "texts")
    for count in 0..<60 {
      try heap[texts].append(heap.makeBytes(String(repeating: "t", count: count * 3)))
    }
    for count in 0..<30 where count % 3 == 0 { heap.remove(heap[texts].remove(at: count)) }
    let lists = try heap.array(of: RegionArray<Int32>.self, named: "lists")
    for count in 0..<20 {
      let list = try heap.makeArray(of: Int32.self)
      for number in 0..<count { try heap[list].append(Int32(number)) }
      try heap[lists].append(list)
    }
    let stock = try heap.dictionary(from: Int.self, to: Int.self, named: "stock")
    let wide = try heap.dictionary(from: Int.self, to: InlineArray<12, Int>.self, named: "wide")
    let table = try heap.table(named: "table")
    let sorted = try heap.sortedTable(named: "sorted")
    for number in 0..<200 {
      try heap[stock].updateValue(number, forKey: number)
      if number < 60 { try heap[wide].updateValue(.init(repeating: number), forKey: number) }
      try heap[table].updateValue("value \(number)", forKey: "\(number)")
      try heap[sorted].updateValue(
        String(repeating: "v", count: number * 8), forKey: "\(number)")
    }
    let block = try heap.allocate(byteCount: 50_000)
    _ = try heap.allocate(byteCount: 5000)
    heap.deallocate(block)
    return heap
  }

  static func readEverything(_ heap: borrowing RegionHeap) -> Int {
    var sum = 0
    for place in heap.places {
      switch place.name {
      case "numbers":
        if let numbers = heap.existing(Int.self, place.name) { sum &+= heap[numbers].count }
      case "texts":
        guard let texts = heap.existing(RegionBytes.self, place.name) else { continue }
        for index in heap[texts].indices { sum &+= heap[heap[texts][index]].array.count }
      case "lists":
        guard let lists = heap.existing(RegionArray<Int32>.self, place.name) else { continue }
        for index in heap[lists].indices { sum &+= heap.span(of: heap[lists][index]).count }
      default: break
      }
    }
    return sum
  }

  /// Every container by itself, through handles that were taken from a faultless list of names.
  static func readContainers(_ heap: borrowing RegionHeap) throws -> Int {
    var sum = 0
    let memory = heap.allocator.memory.readable
    func find(_ name: String, _ kind: ContainerKind) -> ContainerHandle? {
      let record = heap.directory.position(of: name, in: memory).record
      return record.flatMap { $0.kind == kind.rawValue ? $0.handle : nil }
    }
    if let numbers = heap.existing(Int.self, "numbers") { sum &+= heap.span(of: numbers).count }
    if let handle = find("stock", .dictionary) {
      heap[RegionDictionary<Int, Int>(handle)].forEach { key, value in sum &+= key &+ value }
    }
    if let handle = find("wide", .dictionary) {
      heap[RegionDictionary<Int, InlineArray<12, Int>>(handle)].forEach { key, value in
        sum &+= key &+ value[0]
      }
    }
    if let handle = find("table", .table) {
      heap[RegionTable(handle)].forEach { key, value in sum &+= key.byteCount + value.byteCount }
    }
    if let handle = find("sorted", .sortedTable) {
      heap[RegionSortedTable(handle)].forEach { key, value in
        sum &+= key.byteCount + value.byteCount
      }
    }
    return sum
  }

  @Test("The check of everything finds damage or nothing, and never stops the process")
  func check() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let heap = try DamageTests.heap()
    try heap.checkConsistency()
    let memory = heap.allocator.memory
    let used = AllocatorRoot(memory: memory).frontier * HeapLayout.pageSize
    let image = memory.readable.array(at: 0, count: used)
    var found = 0
    var sum = 0
    for _ in 0..<2000 {
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        // Mostly what the allocator and the containers keep.
        let offset = Int.random(
          in: 0..<(Bool.random(using: &generator) ? used : 24_000), using: &generator)
        let value: UInt64 =
          switch Int.random(in: 0..<4, using: &generator) {
          case 0: .random(in: 0 ... .max, using: &generator)
          case 1: .random(in: 0..<UInt64(used), using: &generator)
          case 2:
            [0, 1, .max, 1 << 63, 0x7fff_ffff_ffff_fff0].randomElement(using: &generator) ?? 0
          default:
            memory.load(min(offset & ~7, used - 8)) ^ UInt64(1)
              << UInt64.random(in: 0..<64, using: &generator)
          }
        memory.store(value, at: min(offset & ~7, used - 8))
      }
      if HeapCheck.fault(heap.allocator, heap.header) != nil {
        found += 1
      } else {
        // References between containers are elements, and an element may be anything: what it refers to is
        // looked at by whoever follows it. Containers that were checked are safe to read.
        sum &+= try DamageTests.readContainers(heap)
      }
      memory.copy(image, to: 0)
    }
    #expect(found > 200)
    try heap.checkConsistency()
    #expect(DamageTests.readEverything(heap) > 3000)
    #expect(sum != 0)
  }

  @Test("A region that holds no heap, or a damaged or newer one, is refused with a typed error")
  func opening() throws {
    let empty = try MemoryRegion(byteCount: 1 << 20)
    #expect(code { _ = try RegionHeap(in: empty) } == .notAHeap)
    func opening(_ byte: Int, _ value: UInt32) throws -> RegionHeapError.Code? {
      let heap = try DamageTests.heap()
      let region = heap.region
      heap.allocator.memory.store(value, at: byte)
      return code { _ = try RegionHeap(in: region) }
    }
    #expect(try opening(0, 7) == .notAHeap)
    #expect(try opening(8, 0x0403_0201) == .otherByteOrder)
    #expect(try opening(8, 0) == .damaged)
    #expect(try opening(12, 3) == .newerVersion)
    #expect(try opening(12, 1) == .damaged)
    #expect(try opening(12, 0) == .damaged)
    #expect(try opening(16, 1 << 30) == .damaged)
    #expect(try opening(24, 1) == .damaged)
    #expect(try opening(40, 64) == .damaged)

    var heap = try DamageTests.heap()
    let numbers = try heap.array(of: Int.self, named: "numbers")
    let region = heap.region
    let again = try RegionHeap(in: region)
    #expect(again[numbers].count == 3000)
    try again.checkConsistency()
  }

  private func code(_ body: () throws -> Void) -> RegionHeapError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? RegionHeapError)?.code
    }
  }
}
