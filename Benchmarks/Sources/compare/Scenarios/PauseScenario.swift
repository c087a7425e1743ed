import CPeers
import Foundation

/// How long taking a snapshot stops its caller: the first snapshot, and later ones by the share of
/// the pages that were written to since the one before.
struct PauseScenario: Scenario {
  let name = "pause"
  let summary = "Taking a snapshot: milliseconds for which the caller stops."
  let metrics = [Self.pause]
  let reference = Contestant.fork.name

  static let pause = "pause ms"
  static let first = "first"

  /// Shares of the pages written to between two snapshots, in percent.
  private let shares = [0.01, 0.1, 1, 10, 100]

  /// Beyond this, the peers that keep a whole second copy are left out.
  private let mostBytesOfCopies = 1 << 30

  static func condition(_ byteCount: Int, _ share: Double) -> String {
    "\(describe(bytes: byteCount)), \(share.formatted()) % dirty"
  }

  static func firstCondition(_ byteCount: Int) -> String {
    "\(describe(bytes: byteCount)), first"
  }

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let sizes = scale.of([64, 1024, 8192], quick: [64])
    for byteCount in sizes.map({ $0 << 20 }) {
      let large = byteCount > mostBytesOfCopies
      var contestants: [Contestant] = [
        .fork, .forkOfHugePages, .handlerThread, .inline, .hugePages,
      ]
      if !large { contestants += [.threadInC, .protection, .copy] }
      // Writing to everything needs as much memory again.
      let shares = large ? shares.filter { $0 <= 1 } : shares
      let rounds = Rounds(
        count: min(large ? 2 : 3, scale.rounds), scenario: name,
        condition: describe(bytes: byteCount))
      rounds.run(contestants, into: &measurements) { contestant, _, samples in
        try measure(contestant, byteCount, shares, &samples)
      }
    }
  }

  private func measure(
    _ contestant: Contestant, _ byteCount: Int, _ shares: [Double], _ samples: inout Samples
  ) throws {
    let peer = try contestant.make(byteCount)
    let pageCount = byteCount / pageSize
    samples.add(
      Double(try peer.takeSnapshot()) / 1e6, Self.pause, condition: Self.firstCondition(byteCount))
    for share in shares {
      let count = max(1, Int(Double(pageCount) * share / 100))
      // In which order does not matter to the pause; in sequence, writing to everything is quicker.
      let order: PageOrder = count == pageCount ? .sequential : .random
      let pages = order.pages(count, of: pageCount, seed: count)
      peer.touch(pages)
      samples.add(
        Double(try peer.takeSnapshot()) / 1e6, Self.pause,
        condition: Self.condition(byteCount, share))
      try peer.releaseOlderSnapshots()
    }
    try peer.releaseSnapshots()
  }
}
