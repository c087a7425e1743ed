internal import MemorySnapshots
internal import Synchronization

/// A region with two writers, whose stamps make up the causal oracle, and a controller, who takes
/// snapshots, compares them with the oracle and with what they held before, and lets them go.
final class CausalArena: StressArena {
  let name: String
  let region: MemoryRegion
  let journal: StressJournal
  let seed: UInt64
  let layout: Layout
  /// What the controller keeps.
  let shelf = StressShelf<CausalKept>()
  /// Whether the controller wants the writers to pause, and how many do.
  let wantsPause = Atomic<Bool>(false)
  let pausedCount = Atomic<Int>(0)
  /// What the controller and the paused writers hand each other.
  let progress: StressGuarded<Progress>
  /// Whose turn it is to hand over, and how often that was done: even for the first writer's turn.
  let turn = Atomic<Int>(0)

  struct Layout: Sendable {
    let lanes: [StressLane]
    /// Pages in which the writers leave each other word.
    let handOverPages: Range<Int>
    /// Pages that the controller alone writes to.
    let controlPages: Range<Int>
    var pages: [Int] {
      lanes.flatMap { Array($0.pages.lowerBound...$0.discardPage) } + handOverPages + controlPages
    }
    var pageCount: Int { controlPages.upperBound }
  }

  struct Progress: Sendable {
    var lanes: [StressLane]
    var written: [Int]
    var era = 0
  }

  init(
    _ name: String, _ options: MemoryRegion.Options, _ journal: StressJournal, seed: UInt64
  ) throws(SnapshotError) {
    var random = StressRandom(seed: seed)
    self.name = name
    self.journal = journal
    self.seed = seed
    // Now and then a region of several slices, with a lane across their boundary.
    let first = StressLane(
      firstPage: random.below(3), pageCount: 4 + random.below(60),
      isSequential: random.chance(2), &random)
    let gap = random.chance(3) ? (64 << 20) / stressPageSize - 8 : first.discardPage + 1
    let second = StressLane(
      firstPage: max(gap, first.discardPage + 1), pageCount: 4 + random.below(60),
      isSequential: random.chance(2), &random)
    let start = second.discardPage + 1
    layout = Layout(
      lanes: [first, second], handOverPages: start..<start + 2,
      controlPages: start + 2..<start + 18 + random.below(48))
    progress = StressGuarded(Progress(lanes: layout.lanes, written: [0, 0]))
    region = try MemoryRegion(byteCount: layout.pageCount * stressPageSize, options: options)
  }

  func makeThreads() -> [StressThread] {
    let writers = [0, 1].map { side in
      StressThread("writer \(side)") { try StressWriter(self, side: side, $0).run() }
    }
    let controller = StressThread("controller") {
      var controller = CausalController(self, $0, writers: writers)
      try controller.run()
    }
    return writers + [controller, makeChecker(journal)]
  }

  func beginRelief() { shelf.beginRelief() }
  func endRelief() { shelf.endRelief() }

  func finish() { checkIsIdle(journal) }

  /// What an image of the region shows: the writers' progress, or what is wrong.
  func violation(in image: StressImage, _ lanes: [StressLane], control: [UInt64]) -> String? {
    for (side, lane) in lanes.enumerated() {
      if let violation = lane.violation(in: image) { return "lane \(side): \(violation)" }
    }
    let (mine, other) = (handOver(0, image), handOver(1, image))
    if mine.count != other.count, mine.count != other.count + 1 {
      return "hand-over \(other.count) of the second writer is seen with \(mine.count) of the first"
    }
    for (side, seen) in [mine, other].enumerated()
    where lanes[side].newest(in: image) < seen.written {
      return "writer \(side) handed over after stamp \(seen.written), which is not seen"
    }
    for (page, expected) in zip(layout.controlPages, control) {
      for offset in stride(from: 0, to: stressPageSize, by: 8)
      where image.word(at: page * stressPageSize + offset) != expected {
        return "page \(page) does not hold \(expected) at \(offset)"
      }
    }
    return nil
  }

  /// How often a writer has handed over, as an image shows it, and its newest stamp by then.
  func handOver(_ side: Int, _ image: StressImage) -> (count: Int, written: Int) {
    let start = (layout.handOverPages.lowerBound + side) * stressPageSize
    return (Int(image.word(at: start)), Int(image.word(at: start + 8)))
  }
}
