internal import MemorySnapshots

/// Watches the threads of a run: makes room for writers that would wait for ever by the
/// application's own fault, and reports those that hang in spite of it.
///
/// Counts its own looks instead of time: a process that was stopped has not hung.
struct StressWatch {
  private struct Watched {
    let arena: any StressArena
    let thread: StressThread
    var beats = -1
    var idleLooks = 0
  }

  static let millisecondsPerLook = 20
  /// A thread that has not come on for as many looks waits for something.
  private static let looksUntilRelief = 3
  private static let looksUntilReport = 30_000 / millisecondsPerLook

  private let journal: StressJournal
  private var watched: [Watched]
  private(set) var reliefs = 0

  init(_ crews: [(arena: any StressArena, threads: [StressThread])], _ journal: StressJournal) {
    self.journal = journal
    watched = crews.flatMap { crew in
      crew.threads.map { Watched(arena: crew.arena, thread: $0) }
    }
  }

  /// Looks once. False if a thread hangs.
  mutating func look() -> Bool {
    for index in watched.indices {
      let beats = watched[index].thread.beatCount
      let isIdle = beats == watched[index].beats && !watched[index].thread.hasEnded
      watched[index].idleLooks = isIdle ? watched[index].idleLooks + 1 : 0
      watched[index].beats = beats
    }
    for (name, threads) in Dictionary(grouping: watched, by: \.arena.name) {
      let longest = threads.max { $0.idleLooks < $1.idleLooks }
      guard let longest else { continue }
      relieve(longest)
      if longest.idleLooks >= StressWatch.looksUntilReport {
        let statistics = longest.arena.region.statistics
        let idle = threads.filter { $0.idleLooks >= StressWatch.looksUntilReport / 2 }
          .map(\.thread.name)
        journal.report(
          "\(name), seed \(longest.arena.seed): hanging: \(idle.joined(separator: ", ")); with "
            + "\(statistics.snapshotsLive) live snapshots and \(statistics.preservedBytes) bytes "
            + "of pre-images")
        return false
      }
    }
    return true
  }

  /// Whoever writes to a region that blocks writers may hold, or wait for, the one who would have
  /// released. Where there is room, waiting is the library's fault, and not made good here.
  private mutating func relieve(_ longest: Watched) {
    let arena = longest.arena
    guard arena.blocksWriters else { return }
    let isStuck = longest.idleLooks >= StressWatch.looksUntilRelief && arena.isFull
    if isStuck || journal.isStopping {
      if isStuck { reliefs += 1 }
      arena.beginRelief()
    } else {
      arena.endRelief()
    }
  }
}

/// One region, and those who work on it.
protocol StressArena: Sendable {
  var name: String { get }
  var seed: UInt64 { get }
  var region: MemoryRegion { get }
  func makeThreads() -> [StressThread]
  /// Gives all snapshots up, and takes none until `endRelief()`.
  func beginRelief()
  func endRelief()
  /// Looks whether everything was given back, after all threads have ended.
  func finish()
}

extension StressArena {
  var blocksWriters: Bool {
    region.options.storeLimit != nil && region.options.whenStoreIsFull == .blockWriters
  }

  /// Whether there is no room for another pre-image.
  var isFull: Bool {
    region.options.storeLimit.map { region.statistics.preservedBytes >= $0 } ?? false
  }

  func checkIsIdle(_ journal: StressJournal) {
    let statistics = region.statistics
    if statistics.snapshotsLive != 0 || statistics.preservedBytes != 0 {
      journal.report(
        "\(name), seed \(seed): \(statistics.snapshotsLive) snapshots and "
          + "\(statistics.preservedBytes) bytes of pre-images are left after all were released")
    }
  }
}
