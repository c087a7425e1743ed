import CPeers
import MemorySnapshots

/// Reading a snapshot, a tenth of whose pages were written to since.
struct ReadScenario: Scenario {
  let name = "read"
  let summary = "Reading a snapshot of which 10 % was overwritten: nanoseconds per page."
  let metrics = [Self.cost]
  let reference = Self.plain

  static let cost = "ns/page"
  static let plain = "plain memory"

  static let touch = "one word of each page"
  static let touchAgain = "one word of each page, again"
  static let copy = "every byte, copied out"

  private struct Reader: Named {
    var name: String
    var run: (LibraryPeer, UnsafeMutableRawBufferPointer, inout Samples) throws -> Void
  }

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let byteCount = scale.of(256, quick: 32) << 20
    let pageCount = byteCount / pageSize
    let target = try Arena(CPEERS_PAGES_ANONYMOUS_HUGE, byteCount: byteCount)
    let readers = [
      Reader(name: Self.plain, run: Self.readMemory),
      Reader(name: "view", run: Self.readView),
      Reader(name: "copyBytes", run: Self.copyBytes),
    ]
    let rounds = Rounds(count: scale.rounds, scenario: name, condition: Self.touch)
    rounds.run(readers, into: &measurements) { reader, round, samples in
      let peer = try LibraryPeer(.sharedMemory, .handlerThread, byteCount: byteCount)
      _ = try peer.takeSnapshot()
      let pages = PageOrder.random.pages(pageCount / 10, of: pageCount, seed: round)
      peer.touch(pages)
      try reader.run(
        peer, UnsafeMutableRawBufferPointer(start: target.base, count: byteCount), &samples)
    }
  }

  private static func readMemory(
    _ peer: LibraryPeer, _ target: UnsafeMutableRawBufferPointer, _ samples: inout Samples
  ) {
    let bytes = UnsafeRawBufferPointer(peer.memory)
    readPages(bytes, touch, &samples)
    readPages(bytes, touchAgain, &samples)
    copy(bytes, target, &samples)
  }

  private static func readView(
    _ peer: LibraryPeer, _ target: UnsafeMutableRawBufferPointer, _ samples: inout Samples
  ) throws {
    guard let snapshot = peer.newestSnapshot else { return }
    let view = try snapshot.makeView()
    view.withUnsafeBytes { bytes in
      readPages(bytes, touch, &samples)
      readPages(bytes, touchAgain, &samples)
      copy(bytes, target, &samples)
    }
  }

  private static func copyBytes(
    _ peer: LibraryPeer, _ target: UnsafeMutableRawBufferPointer, _ samples: inout Samples
  ) throws {
    guard let snapshot = peer.newestSnapshot else { return }
    let elapsed = try nanoseconds {
      try snapshot.copyBytes(in: 0..<target.count, into: target)
    }
    samples.add(
      Double(elapsed) * Double(pageSize) / Double(target.count), cost, condition: Self.copy)
  }

  private static func readPages(
    _ bytes: UnsafeRawBufferPointer, _ condition: String, _ samples: inout Samples
  ) {
    guard let base = bytes.baseAddress else { return }
    let elapsed = nanoseconds { _ = cpeers_arena_read_pages(base, bytes.count) }
    samples.add(
      Double(elapsed) * Double(pageSize) / Double(bytes.count), cost, condition: condition)
  }

  private static func copy(
    _ bytes: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer,
    _ samples: inout Samples
  ) {
    let elapsed = nanoseconds { target.copyMemory(from: bytes) }
    samples.add(
      Double(elapsed) * Double(pageSize) / Double(bytes.count), cost, condition: Self.copy)
  }
}
