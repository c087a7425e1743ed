import CPeers
import Foundation
import MemorySnapshots
import RegionCollections

/// The heap's allocator beside glibc's and beside one with boundary tags.
struct AllocatorMeasurements {
  let scale: Scale

  static let speed = "allocate + free, 16 to 256 bytes, random order"
  static let malloc = "glibc malloc"
  static let boundaryTags = "boundary tags"

  static func dirtying(_ scale: Scale) -> String {
    "10,000 frees and allocations, blocks of 64 to 512 bytes, \(describe(bytes: contentBytes(scale)))"
  }

  private static func contentBytes(_ scale: Scale) -> Int { scale.of(1 << 30, quick: 64 << 20) }

  private struct NoMemory: Error {}

  func run(into measurements: inout Measurements) {
    let blocks = scale.of(1_000_000, quick: 50_000)
    Rounds(
      count: scale.rounds, scenario: CollectionsScenario.scenario, condition: Self.speed
    ).run(
      [
        Way(name: CollectionsScenario.regionHeap) { round, samples in
          var heap = try RegionHeap(byteCount: 512 << 20)
          try Self.churn(
            blocks, round, &samples, Int.self, allocate: { try heap.allocate(byteCount: $0) },
            free: { heap.deallocate($0) })
        },
        Way(name: Self.malloc) { round, samples in
          try Self.churn(
            blocks, round, &samples, UnsafeMutableRawPointer.self,
            allocate: {
              guard let block = Glibc.malloc($0) else { throw NoMemory() }
              return block
            }, free: { Glibc.free($0) })
        },
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
    Rounds(
      count: min(2, scale.rounds), scenario: CollectionsScenario.scenario,
      condition: Self.dirtying(scale)
    ).run(
      [
        Way(name: CollectionsScenario.regionHeap) { round, samples in
          try dirtyHeap(round, &samples)
        },
        Way(name: Self.boundaryTags) { round, samples in try dirtyTags(round, &samples) },
      ], into: &measurements
    ) { way, round, samples in try way.measure(round, &samples) }
  }

  /// Frees a block at random and allocates another, as often as there are blocks.
  @inline(__always)
  private static func churn<Block>(
    _ count: Int, _ round: Int, _ samples: inout Samples, _ type: Block.Type,
    allocate: (Int) throws -> Block, free: (Block) -> Void
  ) throws {
    var generator = SeededGenerator(seed: UInt64(round))
    var blocks: [Block] = []
    blocks.reserveCapacity(count)
    for _ in 0..<count { blocks.append(try allocate(.random(in: 16...256, using: &generator))) }
    blocks.shuffle(using: &generator)
    let choices = (0..<count).map { _ in
      (Int.random(in: 0..<count, using: &generator), Int.random(in: 16...256, using: &generator))
    }
    samples.add(
      try nanoseconds(each: count) {
        for (index, byteCount) in choices {
          free(blocks[index])
          blocks[index] = try allocate(byteCount)
        }
      }, CollectionsScenario.time)
    for block in blocks { free(block) }
  }

  private func dirtyHeap(_ round: Int, _ samples: inout Samples) throws {
    var heap = try RegionHeap(byteCount: Self.contentBytes(scale) / 4 * 6)
    try dirty(
      round, &samples, heap.region,
      allocate: { try heap.allocate(byteCount: $0) }, free: { heap.deallocate($0) },
      write: { offset, byteCount in
        var bytes = heap.mutableBytes(in: offset..<offset + byteCount)
        _ = bytes.withUnsafeMutableBytes { $0.initializeMemory(as: UInt8.self, repeating: 1) }
      })
  }

  private func dirtyTags(_ round: Int, _ samples: inout Samples) throws {
    let region = try MemoryRegion(byteCount: Self.contentBytes(scale) / 4 * 6)
    let tags = cpeers_tags_make(region.baseAddress, region.byteCount)
    try dirty(
      round, &samples, region,
      allocate: {
        guard let block = cpeers_tags_allocate(tags, $0) else { throw NoMemory() }
        return block
      }, free: { cpeers_tags_free(tags, $0) }, write: { _ = memset($0, 1, $1) })
  }

  private func dirty<Block>(
    _ round: Int, _ samples: inout Samples, _ region: MemoryRegion,
    allocate: (Int) throws -> Block, free: (Block) -> Void, write: (Block, Int) -> Void
  ) throws {
    var generator = SeededGenerator(seed: UInt64(round) + 100)
    func size() -> Int { .random(in: 64...512, using: &generator) }
    var blocks: [Block] = []
    var content = 0
    while content < Self.contentBytes(scale) {
      let byteCount = size()
      let block = try allocate(byteCount)
      write(block, byteCount)
      blocks.append(block)
      content += byteCount
    }
    let before = try region.makeSnapshot()
    for _ in 0..<10_000 {
      let index = Int.random(in: blocks.indices, using: &generator)
      free(blocks[index])
      let byteCount = size()
      blocks[index] = try allocate(byteCount)
      write(blocks[index], byteCount)
    }
    let dirtied = try region.changedRanges(since: before).reduce(0) { $0 + $1.count }
    samples.add(Double(dirtied / pageSize), CollectionsScenario.pages)
  }
}
