internal import Foundation
internal import MemorySnapshots
internal import Synchronization
internal import SystemPackage

// What the controller does to the region itself.

extension CausalController {
  mutating func changeControlPages() throws {
    let first = random.below(control.count)
    let range = first..<min(first + 1 + random.below(8), control.count)
    let start = arena.layout.controlPages.lowerBound
    let bytes =
      (start + range.lowerBound) * stressPageSize..<(start + range.upperBound) * stressPageSize
    makeRoom(pages: range.count)
    let value = random.chance(3) ? 0 : random.next()
    if value == 0, random.chance(2) {
      try arena.region.discard(bytes)
      arena.journal.count { $0.discards += 1 }
    } else {
      if random.chance(3) { try arena.region.prepareToWrite(bytes) }
      for page in range { arena.region.fillPage(start + page, with: value) }
      let words = range.count * stressPageSize / 8
      arena.journal.count { $0.writes += words }
    }
    for page in range { control[page] = value }
  }

  /// Where writers are blocked, whoever releases had better not be one of them. Sometimes it is, and
  /// `StressWatch` has to help.
  private mutating func makeRoom(pages: Int) {
    guard arena.blocksWriters, !random.chance(16), let limit = arena.region.options.storeLimit
    else { return }
    while arena.region.statistics.preservedBytes + pages * stressPageSize > limit {
      guard let gone = arena.shelf.choose(&random) else { return }
      giveUp(gone)
    }
  }

  /// At once, whoever still refers to it.
  private func giveUp(_ kept: CausalKept) {
    guard arena.shelf.take(kept) else { return }
    kept.giveUp()
    arena.journal.count { $0.releases += 1 }
  }

  /// Waits until both writers pause. They may wait for room: then releases snapshots, and gives the
  /// restore up if none but its goal is left.
  private mutating func waitForPause(_ goal: CausalKept) -> Bool {
    while arena.pausedCount.load(ordering: .acquiring) < 2 {
      if arena.journal.isStopping || goal.isGone { return false }
      thread.beat()
      if arena.blocksWriters, arena.isFull, random.chance(16) {
        guard let gone = arena.shelf.choose(&random) else { return false }
        giveUp(gone)
      }
      sched_yield()
    }
    return true
  }

  /// Rolls back while the writers pause, and sends them back to where the snapshot saw them.
  mutating func restore(_ goal: CausalKept) throws {
    arena.wantsPause.store(true, ordering: .releasing)
    defer {
      // Nobody is left behind who has not seen the end of this pause.
      arena.wantsPause.store(false, ordering: .releasing)
      while arena.pausedCount.load(ordering: .acquiring) > 0 { sched_yield() }
    }
    guard waitForPause(goal) else { return }
    try arena.region.restore(to: goal.snapshot)
    unsafe arena.region.withUnsafeMutableBytes { unsafe image.copy(UnsafeRawBufferPointer($0)) }
    compare(goal, "restore(to:)")
    control = goal.control
    arena.journal.count { $0.restores += 1 }
    arena.turn.store(goal.handOvers[0] + goal.handOvers[1], ordering: .releasing)
    arena.progress.withLock { progress in
      progress.era += 1
      progress.written = goal.written
      progress.lanes = goal.lanes
      for side in progress.lanes.indices {
        finishDiscard(progress.lanes[side], goal.written[side])
        progress.lanes[side].restore(to: goal.written[side], era: progress.era)
      }
    }
  }

  /// A snapshot may have been taken between the two stamps of a discard.
  private func finishDiscard(_ lane: StressLane, _ written: Int) {
    guard written > 0, written % StressLane.discardPeriod == 0 else { return }
    arena.region.store(lane.stamp(written), at: lane.discardPage * stressPageSize)
  }

  /// Pages that differ between two snapshots must be among those reported as changed.
  mutating func compareChanges() throws {
    guard let (earlier, later) = arena.shelf.chooseTwo(&random) else { return }
    let reported = try later.snapshot.changedRanges(since: earlier.snapshot)
    let pages = Set(
      reported.flatMap { $0.lowerBound / stressPageSize..<$0.upperBound / stressPageSize })
    let isGone = later.isGone || earlier.isGone
    for (position, page) in image.pages.enumerated()
    where later.checksums[position] != earlier.checksums[position] && !isGone {
      if !pages.contains(page) {
        arena.journal.report(
          "\(arena.name), seed \(arena.seed): page \(page) has changed and is not reported")
      }
    }
    arena.journal.count { $0.changeLists += 1 }
  }
}

/// A file without a name, in memory.
final class StressFile {
  let descriptor: FileDescriptor
  private let byteCount: Int

  init(byteCount: Int) throws {
    var path = Array((NSTemporaryDirectory() + "/snapshot-stress-XXXXXX").utf8CString)
    let file = unsafe mkstemp(&path)
    guard file >= 0 else { throw Errno(rawValue: errno) }
    unsafe unlink(path)
    descriptor = FileDescriptor(rawValue: file)
    self.byteCount = byteCount
  }

  deinit { try? descriptor.close() }

  func withMappedBytes(_ body: (UnsafeRawBufferPointer) -> Void) throws {
    let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor.rawValue, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    defer { unsafe munmap(address, byteCount) }
    unsafe body(UnsafeRawBufferPointer(start: address, count: byteCount))
  }
}
