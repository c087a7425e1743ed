internal import Foundation
internal import MemorySnapshots
internal import Synchronization

/// Stamps the places of one lane, by stores, by read(2), and now and then after announcing it.
struct StressWriter {
  private let arena: CausalArena
  private let side: Int
  private let thread: StressThread
  private var random: StressRandom
  private let takesSystemCalls: Bool

  init(_ arena: CausalArena, side: Int, _ thread: StressThread) {
    self.arena = arena
    self.side = side
    self.thread = thread
    random = StressRandom(seed: arena.seed &+ UInt64(side) &+ 1)
    takesSystemCalls =
      arena.region.options.faultDelivery == .handlerThread && UserfaultSupport().systemCallsMayWrite
  }

  func run() throws {
    var writer = self
    try writer.stampUntilStopped()
  }

  private mutating func stampUntilStopped() throws {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
    defer { for end in ends { close(end) } }
    var (lane, written) = arena.progress.withLock { ($0.lanes[side], $0.written[side]) }
    var uncounted = 0
    while !arena.journal.isStopping {
      thread.beat()
      if arena.wantsPause.load(ordering: .acquiring) {
        (lane, written) = pause(lane, written)
        continue
      }
      let count = 1 + random.below(1 << random.below(12))
      if random.chance(64) { try prepare(lane) }
      if takesSystemCalls, random.chance(32) {
        try stampBySystemCall(lane, written + 1, ends)
        written += 1
        uncounted += 1
      } else {
        try stamp(lane, written + 1...written + count)
        written += count
        uncounted += count
      }
      handOver(lane, written)
      if uncounted > 1 << 16 || random.chance(256) {
        let done = uncounted
        arena.journal.count { $0.writes += done }
        uncounted = 0
      }
      if random.chance(8) { thread.rest() }
    }
    arena.journal.count { $0.writes += uncounted }
  }

  private func stamp(_ lane: StressLane, _ numbers: ClosedRange<Int>) throws {
    // One era per batch: it changes only while the writers pause.
    let era = lane.stamp(numbers.lowerBound) - UInt64(numbers.lowerBound)
    var index = numbers.lowerBound % lane.places.count
    var untilDiscard = StressLane.discardPeriod - numbers.lowerBound % StressLane.discardPeriod
    if untilDiscard == StressLane.discardPeriod { untilDiscard = 0 }
    for number in numbers {
      if untilDiscard == 0 {
        try stampAndDiscard(lane, number)
        untilDiscard = StressLane.discardPeriod
      } else {
        arena.region.store(era | UInt64(number), at: lane.places[index])
      }
      untilDiscard -= 1
      index = index + 1 == lane.places.count ? 0 : index + 1
    }
  }

  private func stampAndDiscard(_ lane: StressLane, _ number: Int) throws {
    let start = lane.discardPage * stressPageSize
    try arena.region.discard(start..<start + stressPageSize)
    arena.region.store(lane.stamp(number), at: lane.places[number % lane.places.count])
    arena.region.store(lane.stamp(number), at: start)
    arena.journal.count { $0.discards += 1 }
  }

  private func stampBySystemCall(_ lane: StressLane, _ number: Int, _ ends: [Int32]) throws {
    guard number % StressLane.discardPeriod != 0 else {
      return try stampAndDiscard(lane, number)
    }
    var stamp = lane.stamp(number)
    let place = unsafe arena.region.baseAddress + lane.places[number % lane.places.count]
    guard unsafe write(ends[1], &stamp, 8) == 8, unsafe read(ends[0], place, 8) == 8 else {
      arena.journal.report("\(arena.name): read(2) into the region failed: errno \(errno)")
      return
    }
    arena.journal.count { $0.systemCallWrites += 1 }
  }

  private mutating func prepare(_ lane: StressLane) throws {
    let first = lane.pages.lowerBound + random.below(lane.pages.count)
    let end = min(first + 1 + random.below(16), lane.pages.upperBound)
    try arena.region.prepareToWrite(first * stressPageSize..<end * stressPageSize)
    arena.journal.count { $0.prepares += 1 }
  }

  /// Leaves word for the other writer, if it is this one's turn.
  private func handOver(_ lane: StressLane, _ written: Int) {
    let turn = arena.turn.load(ordering: .acquiring)
    guard turn % 2 == side else { return }
    let start = (arena.layout.handOverPages.lowerBound + side) * stressPageSize
    arena.region.store(UInt64(written), at: start + 8)
    arena.region.store(UInt64(turn / 2 + 1), at: start)
    arena.turn.store(turn + 1, ordering: .releasing)
  }

  /// Waits while the controller rolls the region back; returns where to go on.
  private func pause(_ lane: StressLane, _ written: Int) -> (StressLane, Int) {
    arena.progress.withLock { $0.written[side] = written }
    arena.pausedCount.add(1, ordering: .acquiringAndReleasing)
    while arena.wantsPause.load(ordering: .acquiring), !arena.journal.isStopping {
      thread.beat()
      thread.rest()
    }
    arena.pausedCount.subtract(1, ordering: .acquiringAndReleasing)
    return arena.progress.withLock { ($0.lanes[side], $0.written[side]) }
  }
}
