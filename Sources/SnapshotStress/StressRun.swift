internal import Dispatch
internal import Foundation
internal import MemorySnapshots
internal import Synchronization

/// Works on several regions from many threads at once, and checks what snapshots show: by a causal
/// oracle in one half of the regions, by checksums in the other, whose writers nobody orders.
package enum StressRun {
  /// How long threads may take to notice that the run is over.
  private static let patience: DispatchTimeInterval = .seconds(60)

  /// - Throws: `SnapshotError` if a region cannot be made.
  package static func run(_ options: StressOptions) throws -> StressReport {
    var random = StressRandom(seed: options.seed)
    let journal = StressJournal()
    let arenas = try (0..<options.regionCount).map { index -> any StressArena in
      let isCausal = index % 3 < 2
      let combination = isCausal ? index - index / 3 : index / 3 + 1
      let regionOptions = options.regionOptions(combination, &random)
      let seed = random.next()
      let name = "region \(index) (\(regionOptions.backing), \(regionOptions.faultDelivery))"
      return isCausal
        ? try CausalArena(name, regionOptions, journal, seed: seed)
        : try WildArena(name, regionOptions, journal, seed: seed)
    }
    let start = ContinuousClock.now
    let group = DispatchGroup()
    for body in arenas.flatMap({ $0.threads }) { launch(body, journal, group) }
    let end = DispatchTime.now() + self.seconds(options.duration)
    while group.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
      if DispatchTime.now() >= end || journal.isStopping { break }
    }
    journal.stop()
    var report = StressReport(seed: options.seed, seconds: 0)
    if group.wait(timeout: .now() + patience) == .timedOut {
      journal.report("threads hang: the run did not end")
    } else {
      for arena in arenas { arena.finish() }
    }
    report.seconds = self.seconds(ContinuousClock.now - start)
    report.operations = journal.counted
    report.violations = journal.violations
    for statistics in arenas.map(\.region.statistics) {
      report.writeFaults += statistics.writeFaults
      let copied = statistics.pagesCopied
      report.pagesCopied += copied.byFaults + copied.ahead + copied.whileHot + copied.byIntent
      report.pagesCopied += copied.byViews + copied.byRestores
    }
    return report
  }

  private static func launch(
    _ body: @escaping @Sendable () throws -> Void, _ journal: StressJournal, _ group: DispatchGroup
  ) {
    group.enter()
    let thread = Thread {
      do {
        try body()
      } catch {
        journal.report("unexpected error: \(error)")
      }
      group.leave()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}

/// One region, and those who work on it.
protocol StressArena: Sendable {
  var region: MemoryRegion { get }
  var threads: [@Sendable () throws -> Void] { get }
  /// Looks whether everything was given back, after all threads have ended.
  func finish()
}

extension StressArena {
  func checkIsIdle(_ name: String, _ journal: StressJournal) {
    let statistics = region.statistics
    if statistics.snapshotsLive != 0 || statistics.preservedBytes != 0 {
      journal.report(
        "\(name): \(statistics.snapshotsLive) snapshots and \(statistics.preservedBytes) bytes of "
          + "pre-images are left after all were released")
    }
  }
}
