/// Data that lives in regions, beside what programs use otherwise: glibc's malloc, an allocator with boundary
/// tags, Swift's own collections.
struct CollectionsScenario: Scenario {
  let name = "collections"
  let summary = "A heap in a region and its containers, beside malloc, Swift's and C++'s."
  let metrics = [Self.time, Self.pages, Self.moved, Self.tail, Self.memory]
  let reference = Self.regionHeap

  static let scenario = "collections"
  static let time = "ns each"
  static let pages = "pages dirtied"
  static let moved = "entries moved"
  static let tail = "p99.99 / median"
  static let memory = "memory / payload"
  static let regionHeap = "region heap"
  static let snapshot = "snapshot"
  /// Instead of one reader for all reads.
  static let snapshotReaders = "snapshot, a reader for each"

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    AllocatorMeasurements(scale: scale).run(into: &measurements)
    ArrayMeasurements(scale: scale).run(into: &measurements)
    DictionaryMeasurements(scale: scale).run(into: &measurements)
    TableMeasurements(scale: scale).run(into: &measurements)
    SortedTableMeasurements(scale: scale).run(into: &measurements)
    CollectionGrowthMeasurements(scale: scale).run(into: &measurements)
  }
}

/// What is measured in one of several ways.
struct Way: Named {
  let name: String
  let measure: (_ round: Int, _ samples: inout Samples) throws -> Void
}

/// Nanoseconds that `body` takes, for each of `count` operations.
func nanoseconds(each count: Int, _ body: () throws -> Void) rethrows -> Double {
  let duration = try ContinuousClock().measure(body)
  let (seconds, attoseconds) = duration.components
  return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(count)
}
