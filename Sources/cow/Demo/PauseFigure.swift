internal import CDemo
internal import MemorySnapshots

/// How long taking a snapshot keeps writers waiting, beside fork(2) of a process with as much
/// ordinary memory.
struct PauseFigure: Codable {
  let backing: MemoryRegion.Backing
  /// Pages written to between two snapshots: 1 %, at random.
  let dirtyPages: Int
  /// The call of `makeSnapshot()` after that many pages were written to.
  let snapshotNanoseconds: UInt64
  /// The first call of a region, which protects every page.
  let firstSnapshotNanoseconds: UInt64
  /// With ordinary memory in small pages beside `.sharedMemory`, in huge ones beside `.anonymous`.
  let forkNanoseconds: UInt64
  /// The pause as a part of what fork takes.
  let ratio: Double

  /// How many regions to take a first snapshot of.
  private static var regions: Int { 3 }
  private static var rounds: Int { 15 }

  init(_ byteCount: Int, _ backing: MemoryRegion.Backing, _ bar: ProgressBar) throws {
    self.backing = backing
    var random = SplitMix(state: 1)
    let pageSize = Machine.pageSize
    let ordinary = try OrdinaryMemory(byteCount, usesHugePages: backing == .anonymous)
    firstSnapshotNanoseconds = median(
      try (0..<PauseFigure.regions).map { _ in
        try PauseFigure.timeFirstSnapshot(byteCount, backing)
      })
    let region = try makePopulatedRegion(byteCount, .init(backing: backing))
    let pageCount = region.byteCount / pageSize
    dirtyPages = max(1, pageCount / 100)
    var snapshot: MemorySnapshot?
    func timeSnapshot() throws -> UInt64 {
      let start = ContinuousClock.now
      let next = try region.makeSnapshot()
      let time = (ContinuousClock.now - start).wholeNanoseconds
      snapshot?.release()
      snapshot = next
      return time
    }
    _ = try timeSnapshot()
    var pauses: [UInt64] = []
    var forks: [UInt64] = []
    for round in 0..<PauseFigure.rounds {
      let pages = randomPages(dirtyPages, of: pageCount, &random)
      _ = unsafe cdemo_time_writes(region.baseAddress, pageSize, pages, pages.count, UInt64(round))
      pauses.append(try timeSnapshot())
      forks.append(try ordinary.timeFork(repetitions: 1))
      bar.update(round + 1, of: PauseFigure.rounds)
    }
    snapshotNanoseconds = median(pauses)
    forkNanoseconds = median(forks)
    ratio = Double(snapshotNanoseconds) / Double(forkNanoseconds)
  }

  private static func timeFirstSnapshot(
    _ byteCount: Int, _ backing: MemoryRegion.Backing
  ) throws -> UInt64 {
    let region = try makePopulatedRegion(byteCount, .init(backing: backing))
    let start = ContinuousClock.now
    let snapshot = try region.makeSnapshot()
    let time = (ContinuousClock.now - start).wholeNanoseconds
    snapshot.release()
    return time
  }

  func print(_ narration: Narration) throws(ToolError) {
    let memory = backing == .sharedMemory ? "shared memory" : "huge pages"
    try narration.row(
      "first snapshot, \(memory)", TimeText(nanoseconds: firstSnapshotNanoseconds).description,
      TimeText(nanoseconds: forkNanoseconds).description,
      "\(threeDigits(Double(firstSnapshotNanoseconds) / Double(forkNanoseconds))) × fork()")
    try narration.row(
      "pause after 1 % dirty, \(memory)", TimeText(nanoseconds: snapshotNanoseconds).description,
      TimeText(nanoseconds: forkNanoseconds).description, "\(threeDigits(ratio)) × fork()")
  }
}
