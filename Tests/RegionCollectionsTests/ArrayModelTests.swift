import MemorySnapshots
import Testing

@testable import RegionCollections

/// Arrays beside Swift's, through random operations, snapshots and roll-backs.
@Suite("Arrays beside a model")
struct ArrayModelTests {
  struct Element: BitwiseCopyable, Hashable {
    var number: Int
    var more: (UInt32, UInt16) = (0, 0)
    static func == (one: Element, other: Element) -> Bool {
      one.number == other.number && one.more == other.more
    }
    func hash(into hasher: inout Hasher) { hasher.combine(number) }
  }

  struct Past {
    var snapshot: HeapSnapshot
    var arrays: [String: [Element]]
  }

  @Test("Arrays hold what a model holds, now and in every snapshot", arguments: HeapMode.all)
  func model(mode: HeapMode) throws {
    for seed in LongRun.seeds(3) {
      print("seed \(seed)")
      var generator = SeededGenerator(seed: seed)
      var heap = try RegionHeap(byteCount: 4 << 20, options: mode.options)
      var model: [String: [Element]] = [:]
      var pasts: [Past] = []
      for step in 0..<600 {
        let name = "array \(Int.random(in: 0..<5, using: &generator))"
        let array = try heap.array(of: Element.self, named: name)
        if model[name] == nil { model[name] = [] }
        try ArrayModelTests.edit(array, &heap, &model[name, default: []], &generator)
        if step % 50 == 0 {
          pasts.append(Past(snapshot: try heap.makeSnapshot(), arrays: model))
        }
        if step % 97 == 96 { #expect(heap.removePlace(named: name) == (model[name] != nil)) }
        if step % 97 == 96 { model[name] = nil }
        if step % 130 == 129 {
          let past = pasts[Int.random(in: pasts.indices, using: &generator)]
          try heap.restore(to: past.snapshot)
          model = past.arrays
        }
      }
      try heap.checkConsistency()
      try ArrayModelTests.compare(heap, model)
      for past in pasts.shuffled(using: &generator) {
        try ArrayModelTests.compare(past.snapshot, past.arrays)
      }
    }
  }

  private static func edit(
    _ array: RegionArray<Element>, _ heap: inout RegionHeap, _ model: inout [Element],
    _ generator: inout SeededGenerator
  ) throws {
    for _ in 0..<Int.random(in: 1...40, using: &generator) {
      let element = Element(number: Int.random(in: 0..<1 << 60, using: &generator), more: (1, 2))
      switch Int.random(in: 0..<12, using: &generator) {
      case 0..<5:
        try heap[array].append(element)
        model.append(element)
      case 5:
        let position = Int.random(in: 0...model.count, using: &generator)
        try heap[array].insert(element, at: position)
        model.insert(element, at: position)
      case 6 where !model.isEmpty:
        let position = Int.random(in: model.indices, using: &generator)
        #expect(heap[array].remove(at: position) == model.remove(at: position))
      case 7 where !model.isEmpty:
        let position = Int.random(in: model.indices, using: &generator)
        heap[array][position].number ^= element.number
        model[position].number ^= element.number
      case 8:
        #expect(heap[array].popLast() == model.popLast())
      case 9:
        let more = (0..<Int.random(in: 0..<20, using: &generator)).map { Element(number: $0) }
        try heap[array].append(contentsOf: more.span)
        model += more
      case 10:
        let first = Int.random(in: 0...model.count, using: &generator)
        let range = first..<Int.random(in: first...model.count, using: &generator)
        heap[array].removeSubrange(range)
        model.removeSubrange(range)
      default:
        if Int.random(in: 0..<60, using: &generator) == 0 {
          heap[array].removeAll()
          model = []
        } else {
          try heap[array].reserveCapacity(Int.random(in: 0..<200, using: &generator))
        }
      }
    }
    #expect(heap[array].count == model.count)
  }

  private static func compare(
    _ heap: borrowing RegionHeap, _ model: [String: [Element]]
  ) throws {
    #expect(heap.places.map(\.name) == model.keys.sorted())
    for place in heap.places {
      let expected = model[place.name] ?? []
      guard let array = heap.existing(Element.self, place.name) else {
        Issue.record("\(place.name) is not an array")
        continue
      }
      let span = heap.span(of: array)
      #expect(span.count == expected.count)
      for index in 0..<min(span.count, expected.count) where span[index] != expected[index] {
        Issue.record("element \(index) of \(place.name) differs")
        break
      }
    }
  }

  private static func compare(_ past: HeapSnapshot, _ model: [String: [Element]]) throws {
    #expect(past.places.map(\.name) == model.keys.sorted())
    for (name, expected) in model {
      let array = try past.array(of: Element.self, named: name)
      #expect(past[array].count == expected.count)
      #expect(past.elements(of: array).elementsEqual(expected))
    }
  }
}

extension RegionHeap {
  /// The array of a name, without making one.
  borrowing func existing<Element: BitwiseCopyable>(
    _ type: Element.Type, _ name: String
  ) -> RegionArray<Element>? {
    let found = try? directory.find(
      name, .array, values: ElementType(type), keys: .none, type: TypeName(type),
      in: allocator.memory.readable)
    return (found ?? nil).map { RegionArray($0) }
  }
}
