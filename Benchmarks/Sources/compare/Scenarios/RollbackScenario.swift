import CPeers
import MemorySnapshots

/// Bulk work on the pages of a region: rolling it back, and preserving it ahead of writes.
struct RollbackScenario: Scenario {
  let name = "rollback"
  let summary = "Rolling back, and preserving ahead of writes: nanoseconds per page concerned."
  let metrics = [Self.cost]
  let reference = Contestant.copy.name

  static let cost = "ns/page"
  static let prepare = "prepareToWrite, every page"

  static func condition(_ share: Int) -> String { "restore, \(share) % dirty" }

  private let shares = [1, 10, 100]

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let byteCount = scale.of(256, quick: 32) << 20
    let pageCount = byteCount / pageSize
    let rounds = Rounds(count: scale.rounds, scenario: name, condition: "restore")
    rounds.run([Contestant.copy, .handlerThread, .inline], into: &measurements) {
      contestant, round, samples in
      let peer = try contestant.make(byteCount)
      for share in shares {
        let pages = PageOrder.random.pages(pageCount * share / 100, of: pageCount, seed: round)
        _ = try peer.takeSnapshot()
        peer.touch(pages)
        let elapsed = try restore(peer, pages.sorted())
        samples.add(
          Double(elapsed) / Double(pages.count), Self.cost, condition: Self.condition(share))
        try peer.releaseSnapshots()
      }
      _ = try peer.takeSnapshot()
      let elapsed = try prepare(peer)
      samples.add(Double(elapsed) / Double(pageCount), Self.cost, condition: Self.prepare)
      try peer.releaseSnapshots()
    }
  }

  private func restore(_ peer: any Peer, _ pages: [UInt32]) throws -> UInt64 {
    if let peer = peer as? LibraryPeer, let snapshot = peer.newestSnapshot {
      return try nanoseconds { try peer.region.restore(to: snapshot) }
    }
    guard let peer = peer as? CopyPeer else { throw PeerError(description: "cannot restore") }
    return nanoseconds {
      // Neighbours at once, as a careful program that knew which pages to copy would do it.
      var index = 0
      while index < pages.count {
        var end = index + 1
        while end < pages.count, pages[end] == pages[end - 1] + 1 { end += 1 }
        let start = Int(pages[index]) * pageSize
        let range = start..<start + (end - index) * pageSize
        peer.memory[range].copyBytes(from: peer.image[range])
        index = end
      }
    }
  }

  private func prepare(_ peer: any Peer) throws -> UInt64 {
    if let peer = peer as? LibraryPeer {
      return try nanoseconds { try peer.region.prepareToWrite(0..<peer.region.byteCount) }
    }
    return try peer.takeSnapshot()
  }
}
