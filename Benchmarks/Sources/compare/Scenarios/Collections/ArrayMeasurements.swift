import RegionCollections

/// Arrays in a heap, live and as of a snapshot, beside Swift's.
struct ArrayMeasurements {
  let scale: Scale

  static let span = "sum of an array through one span"
  static let element = "elements in random order, one access each"
  static let swift = "Swift's Array"

  func run(into measurements: inout Measurements) {
    let count = scale.of(10_000_000, quick: 200_000)
    do {
      var heap = try RegionHeap(byteCount: count * 16 + (4 << 20))
      let numbers = try heap.makeArray(of: Int.self)
      try heap[numbers].append(contentsOf: Array(0..<count).span)
      let past = try heap.makeSnapshot()
      let plain = Array(0..<count)
      // The first touch of each page.
      _ = sum(past[numbers].span)
      let order = PageOrder.random.pages(min(count, 1_000_000), of: count, seed: 1).map(Int.init)
      try measure(
        Self.span, into: &measurements,
        [
          (CollectionsScenario.regionHeap, count, { sumSpan(heap, numbers) }),
          (Self.swift, count, { sum(plain.span) }),
          (CollectionsScenario.snapshot, count, { sum(past[numbers].span) }),
        ])
      try measure(
        Self.element, into: &measurements,
        [
          (
            CollectionsScenario.regionHeap, order.count,
            { sumElements(heap, numbers, order) }
          ),
          (Self.swift, order.count, { order.reduce(0) { $0 &+ plain[$1] } }),
          (CollectionsScenario.snapshot, order.count, { sumElements(past, numbers, order) }),
          (
            CollectionsScenario.snapshotReaders, order.count,
            { order.reduce(0) { $0 &+ past[numbers][$1] } }
          ),
        ])
    } catch {
      measurements.markUnavailable(
        scenario: CollectionsScenario.scenario, condition: Self.span,
        peer: CollectionsScenario.regionHeap, reason: "\(error)")
    }
  }

  @inline(never)
  private func sumSpan(_ heap: borrowing RegionHeap, _ numbers: RegionArray<Int>) -> Int {
    sum(heap.span(of: numbers))
  }

  @inline(never)
  private func sumElements(
    _ heap: borrowing RegionHeap, _ numbers: RegionArray<Int>, _ order: [Int]
  ) -> Int {
    var sum = 0
    for index in order { sum &+= heap[numbers][index] }
    return sum
  }

  @inline(never)
  private func sumElements(
    _ past: HeapSnapshot, _ numbers: RegionArray<Int>, _ order: [Int]
  ) -> Int {
    let reader = past[numbers]
    var sum = 0
    for index in order { sum &+= reader[index] }
    return sum
  }

  @inline(never)
  private func sum(_ span: Span<Int>) -> Int {
    var sum = 0
    for index in span.indices { sum &+= span[index] }
    return sum
  }

  private func measure(
    _ condition: String, into measurements: inout Measurements,
    _ bodies: [(name: String, count: Int, body: () -> Int)]
  ) throws {
    var expected: Int?
    Rounds(count: scale.rounds, scenario: CollectionsScenario.scenario, condition: condition).run(
      bodies.map { name, count, body in
        Way(name: name) { _, samples in
          // Once before, so that all find their data as warm as it can be.
          let result = body()
          samples.add(
            nanoseconds(each: count) { precondition(body() == result) }, CollectionsScenario.time)
          precondition(result == expected ?? result)
          expected = result
        }
      }, into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
  }
}
