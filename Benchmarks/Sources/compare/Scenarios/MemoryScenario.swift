import CPeers
import Foundation

/// The memory that snapshots cost beyond the region itself, while many of them live. The pages that
/// are dirtied between one snapshot and the next sum up to the size of the region.
struct MemoryScenario: Scenario {
  let name = "memory"
  let summary = "Memory beyond the region's own, for snapshots that all live."
  let metrics = [Self.extra, Self.dirtied, Self.share]
  let reference = Contestant.fork.name

  static let extra = "extra MiB"
  static let dirtied = "dirtied MiB"
  static let share = "extra/dirtied"

  static func condition(_ snapshots: Int) -> String {
    snapshots == 1 ? "1 snapshot" : "\(snapshots.formatted()) snapshots"
  }

  /// More children than this would measure the limit on processes.
  private let mostChildren = 100

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let byteCount = scale.of(256, quick: 32) << 20
    for snapshots in scale.of([1, 10, 100, 1000], quick: [1, 10, 100]) {
      let contestants: [Contestant] =
        (snapshots <= mostChildren ? [.fork] : []) + [.handlerThread, .inline, .hugePages]
      let rounds = Rounds(
        count: min(3, scale.rounds), scenario: name, condition: Self.condition(snapshots))
      rounds.run(contestants, into: &measurements) { contestant, round, samples in
        try measure(contestant, byteCount, snapshots, round, &samples)
      }
    }
  }

  private func measure(
    _ contestant: Contestant, _ byteCount: Int, _ snapshots: Int, _ round: Int,
    _ samples: inout Samples
  ) throws {
    // Before the peer is made, so that what it sets aside in advance counts too.
    let before = cpeers_proportional_bytes(getpid()) + byteCount
    let peer = try contestant.make(byteCount)
    let pageCount = byteCount / pageSize
    let dirtyPages = max(1, pageCount / snapshots)
    for index in 0..<snapshots {
      _ = try peer.takeSnapshot()
      let pages = PageOrder.random.pages(
        dirtyPages, of: pageCount, seed: round * snapshots + index)
      peer.touch(pages)
    }
    let extra = Double(residentBytes(of: peer) - before)
    let dirtied = Double(dirtyPages * snapshots * pageSize)
    samples.add(extra / 0x1p20, Self.extra)
    samples.add(dirtied / 0x1p20, Self.dirtied)
    samples.add(extra / dirtied, Self.share)
    try peer.releaseSnapshots()
  }

  /// What the process and the peer's children take together, shared pages counted once.
  private func residentBytes(of peer: any Peer) -> Int {
    let processes = [getpid()] + ((peer as? ForkPeer)?.processes ?? [])
    return processes.reduce(0) { $0 + cpeers_proportional_bytes($1) }
  }
}
