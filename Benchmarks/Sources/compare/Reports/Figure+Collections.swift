extension Figure {
  /// Whichever scale was run: the other's have no samples.
  static var collections: [Figure] {
    allocation + arrays + tables + growth
  }

  private static let heap = CollectionsScenario.regionHeap
  private static let snapshot = CollectionsScenario.snapshot

  private static func key(_ condition: String, _ peer: String, _ metric: String) -> SeriesKey {
    SeriesKey(
      scenario: CollectionsScenario.scenario, condition: condition, peer: peer, metric: metric)
  }

  private static func time(
    _ title: String, _ limit: Double, _ condition: String, _ peer: String, per other: String
  ) -> Figure {
    Figure(
      title, atMost: limit, key(condition, peer, CollectionsScenario.time),
      per: key(condition, other, CollectionsScenario.time))
  }

  private static var allocation: [Figure] {
    let dirtying = [true, false].map { isQuick in
      let condition = AllocatorMeasurements.dirtying(Scale(isQuick: isQuick))
      return Figure(
        "pages dirtied by 10,000 frees and allocations / boundary tags", atMost: 0.6,
        key(condition, heap, CollectionsScenario.pages),
        per: key(condition, AllocatorMeasurements.boundaryTags, CollectionsScenario.pages))
    }
    return [
      time(
        "allocate + free / glibc", 1.5, AllocatorMeasurements.speed, heap,
        per: AllocatorMeasurements.malloc)
    ] + dirtying
  }

  private static var arrays: [Figure] {
    [
      time(
        "array through a span / Swift's", 1.1, ArrayMeasurements.span, heap,
        per: ArrayMeasurements.swift),
      time(
        "array through a span: snapshot / live", 1.3, ArrayMeasurements.span, snapshot, per: heap),
      time(
        "array element by element: snapshot / live", 1.3, ArrayMeasurements.element, snapshot,
        per: heap),
    ]
  }

  private static var tables: [Figure] {
    typealias Dictionaries = DictionaryMeasurements
    typealias Tables = TableMeasurements
    typealias Sorted = SortedTableMeasurements
    return [
      time(
        "\(Dictionaries.lookUp) / Swift's", 1.5, Dictionaries.lookUp, heap, per: Dictionaries.swift),
      time(
        "\(Dictionaries.insertion) / Swift's", 1.5, Dictionaries.insertion, heap,
        per: Dictionaries.swift),
      time("\(Tables.lookUp) / C++'s", 1, Tables.lookUp, heap, per: Tables.unorderedMap),
      time("\(Tables.insertion) / C++'s", 1, Tables.insertion, heap, per: Tables.unorderedMap),
      time("\(Sorted.lookUp) / LMDB", 1, Sorted.lookUp, heap, per: Sorted.lmdb),
      time("\(Sorted.insertion) / LMDB", 0.5, Sorted.insertion, heap, per: Sorted.lmdb),
      time("\(Sorted.scan) / LMDB", 1.5, Sorted.scan, heap, per: Sorted.lmdb),
    ]
      + [Dictionaries.lookUp, Tables.lookUp, Sorted.lookUp, Sorted.scan].map { condition in
        time("\(condition): snapshot / live", 1.3, condition, snapshot, per: heap)
      } + [
        Figure(
          "table: memory / payload, entries of 80 bytes", atMost: 1.4,
          key(Tables.insertion, heap, CollectionsScenario.memory))
      ]
  }

  private static var growth: [Figure] {
    [
      (CollectionsScenario.pages, 8.0, "most pages dirtied by an insertion"),
      (CollectionsScenario.moved, 64.0, "most entries moved by an insertion"),
      (CollectionsScenario.tail, 200.0, "p99.99 / median of insertions"),
    ].flatMap { metric, limit, title in
      [CollectionGrowthMeasurements.dictionary, CollectionGrowthMeasurements.table].map {
        Figure("\($0): \(title)", atMost: limit, key($0, heap, metric))
      }
    }
  }
}
