import MemorySnapshots
import SnapshotStress
import Testing

@Suite("Stress", .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct StressTests {
  @Test(
    "Random operations on several regions leave every snapshot as it was, and in causal order",
    arguments: SeededGenerator.seeds.dropFirst())
  func violations(_ seed: UInt64) async throws {
    let seconds = runsLongTests ? 20 : 2
    let report = try await onThread {
      try StressRun.run(StressOptions(seed: seed, duration: .seconds(seconds)))
    }
    #expect(report.violations == [], "seed \(seed)")
    #expect(report.operations.writes > 0)
    #expect(report.operations.snapshots > 0)
    // A third of the regions gives snapshots up, a third keeps its writers waiting.
    if runsLongTests {
      #expect(report.invalidations > 0)
      #expect(report.parkedFaults > 0)
    }
  }
}
