import CPeers
import Foundation
import MemorySnapshots

/// How the cost of an operation grows with what it works on. The exponent is the slope of cost
/// against size on logarithmic axes: 1 is linear, 0 constant.
struct GrowthScenario: Scenario {
  let name = "growth"
  let summary = "Total cost against size: 1 is linear growth, 0 is none."
  let metrics = [Self.exponent, Self.smallest, Self.largest]
  let reference = ""

  static let exponent = "exponent"
  static let smallest = "least ms"
  static let largest = "most ms"

  private struct Question: Named {
    var name: String
    var sizes: [Int]
    /// Nanoseconds of the operation at a size.
    var cost: (Int) throws -> UInt64
  }

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    for delivery in [MemoryRegion.FaultDelivery.handlerThread, .inline] {
      for question in questions(scale, delivery) {
        let peer: Contestant = delivery == .inline ? .inline : .handlerThread
        measure(question, scale, peer.name, into: &measurements)
      }
    }
  }

  private func measure(
    _ question: Question, _ scale: Scale, _ peer: String,
    into measurements: inout Measurements
  ) {
    // Each round is a line fit of its own, so the spread of the exponents is that of the rounds.
    let rounds = Rounds(count: min(5, scale.rounds), scenario: name, condition: peer)
    rounds.run([question], into: &measurements) { question, _, samples in
      let points = try question.sizes.map { size in
        (size: Double(size), cost: Double(try question.cost(size)))
      }
      samples.add(slope(points.map { (log($0.size), log($0.cost)) }), Self.exponent)
      samples.add((points.first?.cost ?? .nan) / 1e6, Self.smallest)
      samples.add((points.last?.cost ?? .nan) / 1e6, Self.largest)
    }
  }

  private func questions(_ scale: Scale, _ delivery: MemoryRegion.FaultDelivery) -> [Question] {
    let mebibyte = 1 << 20
    return [
      Question(
        name: "first snapshot, by region size",
        sizes: scale.of([64, 128, 256, 512, 1024], quick: [16, 32, 64])
      ) { size in
        try LibraryPeer(.sharedMemory, delivery, byteCount: size * mebibyte).takeSnapshot()
      },
      Question(
        name: "snapshot after 1,000 writes, by region size",
        sizes: scale.of([64, 128, 256, 512, 1024], quick: [16, 32, 64])
      ) { size in
        let peer = try LibraryPeer(.sharedMemory, delivery, byteCount: size * mebibyte)
        _ = try peer.takeSnapshot()
        peer.touch(somePages(1000, of: peer))
        return try peer.takeSnapshot()
      },
      Question(
        name: "take, write 64 pages, release, by snapshots",
        sizes: scale.of([16, 64, 256, 1024], quick: [4, 16, 64])
      ) { count in
        let peer = try LibraryPeer(.sharedMemory, delivery, byteCount: 64 * mebibyte)
        let lists = (0..<count).map { somePages(64, of: peer, seed: $0) }
        return try nanoseconds {
          for pages in lists {
            _ = try peer.takeSnapshot()
            peer.touch(pages)
          }
          peer.releaseSnapshots()
        }
      },
      Question(
        name: "write 64 pages in each, by regions",
        sizes: scale.of([1, 4, 16, 64], quick: [1, 4])
      ) { count in
        let peers = try (0..<count).map { _ in
          try LibraryPeer(.sharedMemory, delivery, byteCount: 4 * mebibyte)
        }
        let pages = peers.first.map { somePages(64, of: $0) } ?? []
        return try nanoseconds {
          for peer in peers { _ = try peer.takeSnapshot() }
          for peer in peers { peer.touch(pages) }
          for peer in peers { peer.releaseSnapshots() }
        }
      },
      Question(
        name: "write 4,096 pages each, by writers", sizes: scale.of([1, 2, 4, 8], quick: [1, 2])
      ) { writers in
        let peer = try LibraryPeer(.sharedMemory, delivery, byteCount: 256 * mebibyte)
        let pages = somePages(4096 * writers, of: peer)
        return try TimedWrites(to: peer, pages, writers: writers).nanoseconds
      },
    ]
  }

  private func somePages(_ count: Int, of peer: LibraryPeer, seed: Int = 0) -> [UInt32] {
    PageOrder.random.pages(count, of: peer.memory.count / pageSize, seed: seed)
  }

  /// The slope of the line that fits the points with the least squares.
  private func slope(_ points: [(x: Double, y: Double)]) -> Double {
    let count = Double(points.count)
    let x = points.reduce(0) { $0 + $1.x } / count
    let y = points.reduce(0) { $0 + $1.y } / count
    let covariance = points.reduce(0) { $0 + ($1.x - x) * ($1.y - y) }
    let variance = points.reduce(0) { $0 + ($1.x - x) * ($1.x - x) }
    return covariance / variance
  }
}
