internal import Dispatch
internal import Foundation
internal import MemorySnapshots
internal import Synchronization

/// Works on several regions from many threads at once, and checks what snapshots show: by a causal
/// oracle in one half of the regions, by checksums in the other, whose writers nobody orders.
package enum StressRun {
  /// - Throws: `SnapshotError` if a region cannot be made, `StressRefusal` if the surroundings cannot
  ///   be switched on.
  package static func run(_ options: StressOptions) throws -> StressReport {
    let surroundings = try SurroundingsSwitch(options.surroundings)
    defer { surroundings.switchOff() }
    let journal = StressJournal()
    let arenas = try makeArenas(options, journal)
    let start = ContinuousClock.now
    let group = DispatchGroup()
    let crews = arenas.map { (arena: $0, threads: $0.makeThreads()) }
    for thread in crews.flatMap(\.threads) {
      launch(thread, journal, group, isRealTime: options.surroundings == .realTime)
    }
    if options.surroundings == .swap {
      launch(StressThread("pager") { _ in Pager(arenas, journal).run() }, journal, group)
    }
    var watch = StressWatch(crews, journal)
    var hangs = false
    let pause = DispatchTimeInterval.milliseconds(StressWatch.millisecondsPerLook)
    while !hangs, group.wait(timeout: .now() + pause) == .timedOut {
      if ContinuousClock.now - start >= options.duration { journal.stop() }
      hangs = !watch.look()
    }
    // Threads that hang still use theirs.
    if !hangs { for arena in arenas { arena.finish() } }
    var report = StressReport(
      seed: options.seed, surroundings: options.surroundings,
      seconds: seconds(ContinuousClock.now - start))
    report.operations = journal.counted
    report.reliefs = watch.reliefs
    report.violations = journal.violations
    for arena in arenas { report.add(arena.region.statistics) }
    return report
  }

  private static func makeArenas(
    _ options: StressOptions, _ journal: StressJournal
  ) throws(SnapshotError) -> [any StressArena] {
    var random = StressRandom(seed: options.seed)
    let turn = random.below(3)
    var arenas: [any StressArena] = []
    for index in 0..<options.regionCount {
      let isCausal = index % 3 < 2
      let combination = isCausal ? index - index / 3 : index / 3 + 1
      let regionOptions = options.regionOptions(combination, limit: index + turn, &random)
      let seed = random.next()
      let name = "region \(index) (\(regionOptions.summary))"
      arenas.append(
        isCausal
          ? try CausalArena(name, regionOptions, journal, seed: seed)
          : try WildArena(name, regionOptions, journal, seed: seed))
    }
    return arenas
  }

  private static func launch(
    _ body: StressThread, _ journal: StressJournal, _ group: DispatchGroup,
    isRealTime: Bool = false
  ) {
    group.enter()
    let thread = Thread {
      if isRealTime, body.isWriter { body.becomeRealTime() }
      body.run(journal)
      group.leave()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
