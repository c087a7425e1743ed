#if DEBUG
  import MemorySnapshots
  import Testing

  @testable import RegionCollections

  /// Every allocation of every operation fails in turn; afterwards all that there was is there, and the
  /// heap has as many bytes in use as before.
  @Suite("Out of memory at each allocation", .serialized)
  struct OutOfMemoryTests {
    /// More steps make deeper trees and more segments.
    static let steps = LongRun.isMade ? 1200 : 180

    /// What a container holds, as bytes in one order.
    typealias Content = [[UInt8]: [UInt8]]

    /// How one container is changed and read.
    struct Kind {
      var name: String
      var content: (borrowing RegionHeap) throws -> Content
      var update: (inout RegionHeap, _ key: [UInt8], _ value: [UInt8]) throws -> Void
      var remove: (inout RegionHeap, _ key: [UInt8]) throws -> Void
      var removeAll: (inout RegionHeap) throws -> Void
      var key: (inout SeededGenerator) -> [UInt8]
      /// The longest value.
      var longest = 0
      /// How many allocations must have failed for the test to mean anything.
      var fewestFailures: Int
    }

    /// Does something while each of its allocations fails in turn, and then for good.
    ///
    /// - Returns: How many allocations failed.
    private func exhaust(
      _ heap: inout RegionHeap, _ kind: Kind, _ before: Content, _ after: Content,
      _ operation: (inout RegionHeap) throws -> Void
    ) throws -> Int {
      let start = try heap.makeSnapshot()
      defer { start.release() }
      let places = heap.places
      for count in 0..<200 {
        let bytesInUse = heap.statistics.bytesInUse
        var thrown: (any Error)?
        let memory = heap.allocator.memory
        let (_, hasFailed) = ForcedOutOfMemory.after(count, in: memory) {
          do { try operation(&heap) } catch { thrown = error }
        }
        guard hasFailed else {
          #expect(thrown == nil)
          return count
        }
        if let thrown {
          #expect(OutOfMemoryTests.isOutOfMemory(thrown), "\(kind.name): \(thrown)")
          #expect(try kind.content(heap) == before, "\(kind.name), after \(count) allocations")
          #expect(heap.statistics.bytesInUse == bytesInUse, "\(kind.name), after \(count)")
        } else {
          // What can wait, growth and shrinking, was left for later.
          #expect(try kind.content(heap) == after, "\(kind.name), after \(count) allocations")
        }
        #expect(heap.places == places)
        try heap.checkConsistency()
        try heap.restore(to: start)
      }
      Issue.record("\(kind.name) allocates without end")
      return 200
    }

    private static func isOutOfMemory(_ error: any Error) -> Bool {
      switch error {
      case let error as RegionHeapError: error.code == .outOfMemory
      case TransactionError<any Error>.body(let error): isOutOfMemory(error)
      default: false
      }
    }

    private func run(_ container: (inout RegionHeap) throws -> Kind) throws {
      var heap = try RegionHeap(byteCount: 2 << 20)
      let numbers = try heap.array(of: Int.self, named: "beside")
      for number in 0..<100 { try heap[numbers].append(number) }
      let kind = try container(&heap)
      var generator = SeededGenerator(seed: 14)
      var model: Content = [:]
      var failures = 0
      for step in 0..<OutOfMemoryTests.steps {
        let old = model
        let isGrowing = step < OutOfMemoryTests.steps * 2 / 3
        // Any that the seed decides: the order of Swift's dictionaries is another in each process.
        let limit = kind.key(&generator)
        let present =
          model.keys.filter { !$0.lexicographicallyPrecedes(limit) }.min {
            $0.lexicographicallyPrecedes($1)
          }
        if let key = present, Int.random(in: 0..<10, using: &generator) >= (isGrowing ? 8 : 2) {
          model[key] = nil
          failures += try exhaust(&heap, kind, old, model) { try kind.remove(&$0, key) }
        } else {
          // A quarter of them are keys that there are, with other values: mostly larger ones.
          let isNew = Int.random(in: 0..<4, using: &generator) > 0
          let key = isNew ? limit : present ?? limit
          let count = min(kind.longest, Int.random(in: 0...(step * 20), using: &generator))
          let value = TableModelTests.bytes(count, &generator)
          model[key] = value
          failures += try exhaust(&heap, kind, old, model) { try kind.update(&$0, key, value) }
        }
        #expect(try kind.content(heap) == model)
        if step % 40 == 39 {
          failures += try transaction(&heap, kind, model, &generator)
        }
      }
      // Removing everything allocates nothing, or can do without.
      let all = model
      model = [:]
      _ = try exhaust(&heap, kind, all, model) { try kind.removeAll(&$0) }
      #expect(try kind.content(heap).isEmpty)
      try heap.checkConsistency()
      #expect(heap.span(of: numbers).indices.allSatisfy { heap[numbers][$0] == $0 })
      print("\(kind.name): \(failures) allocations failed")
      #expect(failures >= kind.fewestFailures)
    }

    /// A transaction of several operations: the failure of any takes all of them back.
    private func transaction(
      _ heap: inout RegionHeap, _ kind: Kind, _ model: Content, _ generator: inout SeededGenerator
    ) throws -> Int {
      var after = model
      var changes: [(key: [UInt8], value: [UInt8]?)] = []
      for number in 0..<12 {
        let key = kind.key(&generator)
        let value = TableModelTests.bytes(min(kind.longest, number * 50), &generator)
        changes.append((key, number % 4 == 3 ? nil : value))
        after[key] = number % 4 == 3 ? nil : value
      }
      let start = try heap.makeSnapshot()
      let failures = try exhaust(&heap, kind, model, after) { heap in
        try heap.transaction { heap in
          for (key, value) in changes {
            if let value { try kind.update(&heap, key, value) } else { try kind.remove(&heap, key) }
          }
        }
      }
      #expect(try kind.content(heap) == after)
      try heap.restore(to: start)
      return failures
    }

    private static func number(_ key: [UInt8]) -> Int { key.reduce(0) { $0 << 8 | Int($1) } }

    private static func key(_ number: Int) -> [UInt8] {
      [UInt8(number >> 8 & 255), UInt8(number & 255)]
    }

    private static func copy(_ span: RawSpan) -> [UInt8] {
      unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// A dictionary from numbers; a value of so many bytes is a number as well.
    private func dictionary<Value: BitwiseCopyable>(
      _ name: String, fewestFailures: Int, make: @escaping (Int) -> Value,
      number: @escaping (Value) -> Int
    ) throws {
      try run { heap in
        let stock = try heap.dictionary(from: Int.self, to: Value.self, named: name)
        return Kind(
          name: name,
          content: { heap in
            var content: Content = [:]
            heap[stock].forEach { key, value in
              content[OutOfMemoryTests.key(key)] = [UInt8](repeating: 0, count: number(value))
            }
            return content
          },
          update: { heap, key, value in
            try heap[stock].updateValue(make(value.count), forKey: OutOfMemoryTests.number(key))
          },
          remove: { heap, key in heap[stock].removeValue(forKey: OutOfMemoryTests.number(key)) },
          removeAll: { heap in heap[stock].removeAll() },
          key: { OutOfMemoryTests.key(Int.random(in: 0..<60_000, using: &$0)) },
          fewestFailures: fewestFailures)
      }
    }

    @Test("A dictionary whose entries lie in its buckets")
    func smallValues() throws {
      try dictionary("small", fewestFailures: 6) {
        $0
      } number: {
        $0
      }
    }

    @Test("A dictionary whose entries are blocks")
    func largeValues() throws {
      try dictionary("large", fewestFailures: OutOfMemoryTests.steps / 2) {
        InlineArray<12, Int>(repeating: $0)
      } number: {
        $0[11]
      }
    }

    @Test("A table")
    func table() throws {
      try run { heap in
        let table = try heap.table(named: "table")
        return Kind(
          name: "table",
          content: { heap in
            var content: Content = [:]
            heap[table].forEach { key, value in
              content[OutOfMemoryTests.copy(key)] = OutOfMemoryTests.copy(value)
            }
            return content
          },
          update: { heap, key, value in try heap[table].updateValue(value, forKey: key) },
          remove: { heap, key in heap[table].removeValue(forKey: key) },
          removeAll: { heap in heap[table].removeAll() },
          key: TableModelTests.key, longest: 9000, fewestFailures: OutOfMemoryTests.steps / 2)
      }
    }

    @Test("A sorted table, with keys that fill inner nodes and keys that fit into none")
    func sortedTable() throws {
      try run { heap in
        let table = try heap.sortedTable(named: "sorted")
        return Kind(
          name: "sorted table",
          content: { heap in
            var content: Content = [:]
            var last: [UInt8] = []
            heap[table].forEach { key, value in
              let key = OutOfMemoryTests.copy(key)
              #expect(content.isEmpty || last.lexicographicallyPrecedes(key))
              last = key
              content[key] = OutOfMemoryTests.copy(value)
            }
            return content
          },
          update: { heap, key, value in try heap[table].updateValue(value, forKey: key) },
          remove: { heap, key in heap[table].removeValue(forKey: key) },
          removeAll: { heap in heap[table].removeAll() },
          key: { generator in
            let shared = [400, 900, 1200].randomElement(using: &generator) ?? 0
            let start = [UInt8](repeating: UInt8(shared >> 4), count: shared)
            return start + TableModelTests.bytes(4, &generator)
          }, longest: 1500, fewestFailures: OutOfMemoryTests.steps / 2)
      }
    }

    @Test("Names of new containers")
    func names() throws {
      var heap = try RegionHeap(byteCount: 2 << 20)
      let operations: [(inout RegionHeap) throws -> Void] = [
        { heap in _ = try heap.dictionary(from: Int.self, to: Int.self, named: "new") },
        { heap in _ = try heap.table(named: "new") },
        { heap in _ = try heap.sortedTable(named: "new") },
        { heap in _ = try heap.array(of: Int.self, named: "new") },
        { heap in
          try heap.transaction { heap in
            for number in 0..<20 {
              _ = try heap.table(named: "table \(number)")
              _ = try heap.sortedTable(named: "sorted \(number)")
            }
          }
        },
      ]
      for (index, operation) in operations.enumerated() {
        let bytesInUse = heap.statistics.bytesInUse
        let start = try heap.makeSnapshot()
        var failures = 0
        while true {
          var thrown: (any Error)?
          let memory = heap.allocator.memory
          let (_, hasFailed) = ForcedOutOfMemory.after(failures, in: memory) {
            do { try operation(&heap) } catch { thrown = error }
          }
          guard hasFailed else { break }
          failures += 1
          let error = try #require(thrown, "operation \(index) went on without memory")
          #expect(OutOfMemoryTests.isOutOfMemory(error))
          #expect(heap.places.isEmpty)
          #expect(heap.statistics.bytesInUse == bytesInUse)
          try heap.checkConsistency()
        }
        #expect(failures >= 2)
        #expect(!heap.places.isEmpty)
        try heap.restore(to: start)
      }
    }
  }
#endif
