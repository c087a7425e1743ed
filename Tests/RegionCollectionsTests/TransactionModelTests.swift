import MemorySnapshots
import Testing

@testable import RegionCollections

/// Transactions in transactions, any of which may throw, beside a model; snapshots from before, between and inside
/// of them are compared in full later.
@Suite("Transactions beside a model")
struct TransactionModelTests {
  struct Refusal: Error {}

  struct Model: Equatable {
    var numbers: [Int] = []
    var stock: [Int: Int] = [:]
    var table: [[UInt8]: [UInt8]] = [:]
    var sorted: [[UInt8]: [UInt8]] = [:]
    var names: [String] = []
  }

  private struct World {
    let numbers: RegionArray<Int>
    let stock: RegionDictionary<Int, Int>
    let table: RegionTable
    let sorted: RegionSortedTable

    init(in heap: inout RegionHeap) throws {
      numbers = try heap.array(of: Int.self, named: "numbers")
      stock = try heap.dictionary(from: Int.self, to: Int.self, named: "stock")
      table = try heap.table(named: "table")
      sorted = try heap.sortedTable(named: "sorted")
    }

    func model(_ past: HeapSnapshot) -> Model {
      Model(
        numbers: Array(past.elements(of: numbers)),
        stock: Dictionary(uniqueKeysWithValues: past.entries(of: stock).map { ($0.key, $0.value) }),
        table: Dictionary(uniqueKeysWithValues: past.entries(of: table).map { ($0.key, $0.value) }),
        sorted: Dictionary(
          uniqueKeysWithValues: past.entries(of: sorted).map { ($0.key, $0.value) }),
        names: past.places.map(\.name).filter { $0.hasPrefix("other") })
    }
  }

  private final class Pasts {
    var pasts: [(snapshot: HeapSnapshot, model: Model)] = []
  }

  @Test("What throws leaves no trace, what returns stays, at any depth", arguments: HeapMode.all)
  func model(mode: HeapMode) throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var heap = try RegionHeap(byteCount: 16 << 20, options: mode.options)
    let world = try World(in: &heap)
    var model = world.model(try heap.makeSnapshot())
    let pasts = Pasts()
    let steps = LongRun.isMade ? 200 : 40
    for _ in 0..<steps {
      let before = model
      do {
        try run(&heap, world, &model, &generator, pasts, depth: 0)
      } catch TransactionError<any Error>.body {
        model = before
      }
      let isSame = world.model(try heap.makeSnapshot()) == model
      #expect(isSame)
      if Int.random(in: 0..<4, using: &generator) == 0 { pasts.pasts.removeFirst() }
    }
    try heap.checkConsistency()
    #expect(pasts.pasts.count > steps / 4)
    for past in pasts.pasts.shuffled(using: &generator) {
      let isSame = world.model(past.snapshot) == past.model
      #expect(isSame, "a snapshot differs")
    }
  }

  private func run(
    _ heap: inout RegionHeap, _ world: World, _ model: inout Model,
    _ generator: inout SeededGenerator, _ pasts: Pasts, depth: Int
  ) throws {
    pasts.pasts.append((try heap.makeSnapshot(), model))
    try heap.transaction { heap in
      for _ in 0..<Int.random(in: 1...30, using: &generator) {
        try change(&heap, world, &model, &generator)
      }
      if depth < 3, Bool.random(using: &generator) {
        let before = model
        do {
          try run(&heap, world, &model, &generator, pasts, depth: depth + 1)
        } catch TransactionError<any Error>.body {
          model = before
        }
        try change(&heap, world, &model, &generator)
      }
      // Taken inside: stays right when the transaction is rolled back.
      if Bool.random(using: &generator) { pasts.pasts.append((try heap.makeSnapshot(), model)) }
      if Bool.random(using: &generator) { throw Refusal() }
    }
  }

  private func change(
    _ heap: inout RegionHeap, _ world: World, _ model: inout Model,
    _ generator: inout SeededGenerator
  ) throws {
    let number = Int.random(in: 0..<500, using: &generator)
    let key = SortedTableModelTests.key(&generator)
    let value = TableModelTests.bytes(number % 97 == 0 ? 6000 : number % 60, &generator)
    switch Int.random(in: 0..<9, using: &generator) {
    case 0:
      try heap[world.numbers].append(number)
      model.numbers.append(number)
    case 1: #expect(heap[world.numbers].popLast() == model.numbers.popLast())
    case 2:
      try heap[world.stock].updateValue(number, forKey: number)
      model.stock[number] = number
    case 3:
      heap[world.stock].removeValue(forKey: number)
      model.stock[number] = nil
    case 4:
      try heap[world.table].updateValue(value, forKey: key)
      model.table[key] = value
    case 5:
      heap[world.table].removeValue(forKey: key)
      model.table[key] = nil
    case 6:
      try heap[world.sorted].updateValue(value, forKey: key)
      model.sorted[key] = value
    case 7:
      heap[world.sorted].removeValue(forKey: key)
      model.sorted[key] = nil
    default:
      let name = "other \(number % 10)"
      if model.names.contains(name) {
        heap.removePlace(named: name)
        model.names.removeAll { $0 == name }
      } else {
        _ = try heap.table(named: name)
        model.names = (model.names + [name]).sorted()
      }
    }
  }
}
