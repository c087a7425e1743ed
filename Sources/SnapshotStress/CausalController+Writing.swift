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

  /// Rolls back while the writers pause, and sends them back to where the snapshot saw them.
  mutating func restore(_ index: Int) throws {
    arena.wantsPause.store(true, ordering: .releasing)
    defer { arena.wantsPause.store(false, ordering: .releasing) }
    while arena.pausedCount.load(ordering: .acquiring) < 2 {
      if arena.journal.isStopping { return }
      sched_yield()
    }
    defer {
      // Nobody is left behind who has not seen the end of this pause.
      arena.wantsPause.store(false, ordering: .releasing)
      while arena.pausedCount.load(ordering: .acquiring) > 0 { sched_yield() }
    }
    let goal = kept[index]
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
    guard kept.count >= 2 else { return }
    let earlier = random.below(kept.count - 1)
    let later = earlier + 1 + random.below(kept.count - earlier - 1)
    let reported = kept[later].snapshot.changedRanges(since: kept[earlier].snapshot)
    let pages = Set(
      reported.flatMap { $0.lowerBound / stressPageSize..<$0.upperBound / stressPageSize })
    let isGone = kept[later].snapshot.isInvalidated || kept[earlier].snapshot.isInvalidated
    for (position, page) in image.pages.enumerated()
    where kept[later].checksums[position] != kept[earlier].checksums[position] && !isGone {
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
