internal import MemorySnapshots

/// What to stress, and for how long.
package struct StressOptions: Sendable {
  /// Decides sizes, options and the order of operations in each thread.
  package var seed: UInt64
  /// How long the threads run.
  package var duration: Duration
  /// How many regions are worked on at once.
  package var regionCount: Int
  /// What is switched on meanwhile.
  package var surroundings: StressSurroundings

  package init(
    seed: UInt64, duration: Duration, regionCount: Int = 6,
    surroundings: StressSurroundings = .plain
  ) {
    self.seed = seed
    self.duration = duration
    self.regionCount = regionCount
    self.surroundings = surroundings
  }
}

extension StressOptions {
  /// The options of one of the regions: every backing and delivery in turn; no limit, and a small
  /// one with each policy in turn; the rest by chance.
  func regionOptions(
    _ index: Int, limit: Int, _ random: inout StressRandom
  ) -> MemoryRegion.Options {
    var options = MemoryRegion.Options(
      backing: index % 2 == 0 ? .sharedMemory : .anonymous,
      faultDelivery: index / 2 % 2 == 0 ? .handlerThread : .inline)
    options.tracksChangesWhenIdle = random.chance(2)
    options.preservesAhead = random.chance(2)
    options.preservesHotPages = random.chance(2)
    options.hasOwnHandler = random.chance(3)
    if random.chance(4), options.faultDelivery == .handlerThread { options.handlerThreadCount = 2 }
    let limitedPages = 1 + random.below(1 << random.below(6))
    if limit % 3 != 0 { options.storeLimit = limitedPages * stressPageSize }
    options.whenStoreIsFull = limit % 3 == 1 ? .invalidateOldestSnapshot : .blockWriters
    return options
  }
}

extension MemoryRegion.Options {
  var summary: String {
    let limit = storeLimit.map { "\($0 / stressPageSize) pages, \(whenStoreIsFull)" } ?? "no limit"
    return "\(backing), \(faultDelivery), \(limit)"
  }
}

/// A reproducible generator (SplitMix64): the same seed gives the same numbers.
package struct StressRandom: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Any number that is not negative.
  mutating func number() -> Int { Int(next() >> 1) }

  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// True once in `count` times.
  mutating func chance(_ count: Int) -> Bool { below(count) == 0 }
}
