extension Figure {
  /// Whichever scale was run: the other's have no samples.
  static var collections: [Figure] {
    func key(_ condition: String, _ peer: String, _ metric: String) -> SeriesKey {
      SeriesKey(
        scenario: CollectionsScenario.scenario, condition: condition, peer: peer, metric: metric)
    }
    func time(
      _ title: String, _ limit: Double, _ condition: String, _ peer: String, per other: String
    ) -> Figure {
      Figure(
        title, atMost: limit, key(condition, peer, CollectionsScenario.time),
        per: key(condition, other, CollectionsScenario.time))
    }
    let heap = CollectionsScenario.regionHeap
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
    ] + dirtying + [
      time(
        "array through a span / Swift's", 1.1, ArrayMeasurements.span, heap,
        per: ArrayMeasurements.swift),
      time(
        "array through a span: snapshot / live", 1.3, ArrayMeasurements.span,
        ArrayMeasurements.snapshot, per: heap),
      time(
        "array element by element: snapshot / live", 1.3, ArrayMeasurements.element,
        ArrayMeasurements.snapshot, per: heap),
    ]
  }
}
