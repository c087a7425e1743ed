internal import MemorySnapshots

/// What a stress run has done and found.
package struct StressReport: Sendable, Codable {
  /// What the threads did.
  package struct Operations: Sendable, Codable {
    /// Words written to the regions, each of which the oracle knows.
    package var writes = 0
    /// Of these, written by read(2).
    package var systemCallWrites = 0
    package var snapshots = 0
    /// Snapshots read whole and compared, by `copyBytes`.
    package var reads = 0
    package var views = 0
    package var restores = 0
    package var releases = 0
    package var streams = 0
    package var consumes = 0
    package var discards = 0
    package var prepares = 0
    package var changeLists = 0
    /// Comparisons of a region with what the kernel says.
    package var consistencyChecks = 0
  }

  package var seed: UInt64
  package var surroundings: StressSurroundings
  package var seconds: Double
  package var operations = Operations()
  package var writeFaults = 0
  /// Of these, put aside: a snapshot was being taken, or the store was full.
  package var parkedFaults = 0
  /// Snapshots that were given up because the store was full.
  package var invalidations = 0
  /// How often all of a region's snapshots were released for the sake of a thread that waited for
  /// room while it kept others from making some.
  package var reliefs = 0
  package var pagesCopied = 0
  /// What was found wrong; the run ends at the first.
  package var violations: [String] = []
}

extension StressReport {
  mutating func add(_ statistics: RegionStatistics) {
    writeFaults += statistics.writeFaults
    parkedFaults += statistics.parkedFaults
    invalidations += statistics.snapshotsInvalidated
    let copied = statistics.pagesCopied
    pagesCopied += copied.byFaults + copied.ahead + copied.whileHot + copied.byIntent
    pagesCopied += copied.byViews + copied.byRestores
  }
}

extension StressReport: CustomStringConvertible {
  /// A few lines in words.
  package var description: String {
    let done = operations
    let lines = [
      "seed \(seed), surroundings \(surroundings.rawValue), \((seconds * 10).rounded() / 10) s",
      "writes: \(done.writes) checked, \(done.systemCallWrites) of them by system calls",
      "snapshots: \(done.snapshots) taken, \(done.releases) released, \(done.consumes) consumed, "
        + "\(invalidations) invalidated",
      "checked: \(done.reads) reads, \(done.views) views, \(done.streams) streams, "
        + "\(done.restores) restores, \(done.changeLists) change lists",
      "besides: \(done.discards) discards, \(done.prepares) write intents, "
        + "\(done.consistencyChecks) comparisons with the kernel",
      "write faults: \(writeFaults), pages copied: \(pagesCopied)",
      "full stores: \(parkedFaults) faults put aside, \(reliefs) times all snapshots released for one",
      "violations: \(violations.count)",
    ]
    return (lines + violations.map { "  " + $0 }).joined(separator: "\n")
  }
}
