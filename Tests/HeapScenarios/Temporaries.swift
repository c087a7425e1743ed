import MemorySnapshots
import RegionCollections

/// Readers of snapshots that nothing else holds: the snapshot lives as long as the reader, which an optimiser that
/// ends lives early would break.
func readTemporaries() throws {
  var heap = try RegionHeap(byteCount: 4 << 20)
  let table = try heap.table(named: "table")
  let sorted = try heap.sortedTable(named: "sorted")
  let numbers = try heap.array(of: Int.self, named: "numbers")
  for number in 0..<500 {
    try heap[table].updateValue("value \(number)", forKey: "\(number)")
    try heap[sorted].updateValue("value \(number)", forKey: "\(number)")
    try heap[numbers].append(number)
  }
  let region = heap.region
  var rounds = 0
  func live() throws(Wrong) {
    try require(region.statistics.snapshotsLive == 1, "the snapshot is gone")
  }
  for round in 0..<15 {
    try require(
      heap.makeSnapshot()[table].string(forKey: "\(round)") == "value \(round)", "\(round)")
    var count = 0
    try heap.makeSnapshot()[table].forEach { _, value throws(Wrong) in
      try live()
      count += value.byteCount
    }
    try require(count > 500 * 7, "\(count) bytes")
    try heap.makeSnapshot()[sorted].forEachReversed { _, _ throws(Wrong) in try live() }
    let sum = try sum(heap.makeSnapshot()[numbers], live)
    try require(sum == 499 * 500 / 2, "the sum is \(sum)")
    try require(region.statistics.snapshotsLive == 0, "a snapshot is left")
    rounds += 1
  }
  print("\(rounds) rounds")
}

private func sum(_ reader: RegionArray<Int>.Reader, _ check: () throws -> Void) throws -> Int {
  try check()
  let span = reader.span
  var sum = 0
  for index in span.indices { sum += span[index] }
  try check()
  return sum
}
