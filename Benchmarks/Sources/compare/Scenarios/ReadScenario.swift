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
  static let mapping = "mapping in C"
  static let copy = "every byte, copied out"

  static func firstTime(_ order: PageOrder) -> String { "a word of each page, \(order)" }

  static func again(_ order: PageOrder) -> String { "a word of each page, \(order), again" }

  private struct Reader: Named {
    var name: String
    var read: (LibraryPeer, inout Readings) throws -> Void
  }

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let byteCount = scale.of(256, quick: 32) << 20
    let pageCount = byteCount / pageSize
    let target = try Arena(CPEERS_PAGES_ANONYMOUS_HUGE, byteCount: byteCount)
    let readers = [
      Reader(name: Self.plain) { peer, readings in
        readings.read(UnsafeRawBufferPointer(peer.memory))
      },
      Reader(name: "view") { peer, readings in
        guard let snapshot = peer.newestSnapshot else { return }
        let view = try snapshot.makeView()
        view.withUnsafeBytes { readings.read($0) }
      },
      Reader(name: Self.mapping) { _, readings in
        guard let image = cpeers_arena_map_image(byteCount) else { throw PeerError.system("mmap") }
        defer { cpeers_arena_unmap(image, byteCount) }
        // A view has pages of its own where the region was overwritten.
        cpeers_touch_pages(image, readings.overwritten, readings.overwritten.count)
        readings.read(UnsafeRawBufferPointer(start: image, count: byteCount))
      },
      Reader(name: "copyBytes") { peer, readings in
        guard let snapshot = peer.newestSnapshot else { return }
        try readings.time(Self.copy) { target in
          try snapshot.copyBytes(in: 0..<byteCount, into: target)
        }
      },
    ]
    let rounds = Rounds(count: scale.rounds, scenario: name, condition: Self.copy)
    rounds.run(readers, into: &measurements) { reader, round, samples in
      let peer = try LibraryPeer(.sharedMemory, .handlerThread, byteCount: byteCount)
      _ = try peer.takeSnapshot()
      let overwritten = PageOrder.random.pages(pageCount / 10, of: pageCount, seed: round)
      peer.touch(overwritten)
      // A view is read for the first time only once, so each order has its own.
      for order in [PageOrder.sequential, .random] {
        var readings = Readings(
          order: order, pages: order.pages(pageCount, of: pageCount, seed: round),
          overwritten: overwritten, target: target)
        try reader.read(peer, &readings)
        for (condition, nanoseconds) in readings.costs
        where condition != Self.copy || order == .sequential {
          samples.add(
            Double(nanoseconds) / Double(pageCount), Self.cost, condition: condition)
        }
      }
    }
  }

  /// What one reader's reads cost, in nanoseconds.
  private struct Readings {
    let order: PageOrder
    let pages: [UInt32]
    let overwritten: [UInt32]
    let target: Arena
    private(set) var costs: [(condition: String, nanoseconds: UInt64)] = []

    init(order: PageOrder, pages: [UInt32], overwritten: [UInt32], target: Arena) {
      self.order = order
      self.pages = pages
      self.overwritten = overwritten
      self.target = target
    }

    /// Reads a word of each page, does so again, and copies everything out.
    mutating func read(_ bytes: UnsafeRawBufferPointer) {
      guard let base = bytes.baseAddress else { return }
      let pages = pages
      for condition in [ReadScenario.firstTime(order), ReadScenario.again(order)] {
        time(condition) { _ in _ = cpeers_arena_read_pages(base, pages, pages.count) }
      }
      time(ReadScenario.copy) { $0.copyMemory(from: bytes) }
    }

    mutating func time(
      _ condition: String, _ body: (UnsafeMutableRawBufferPointer) throws -> Void
    ) rethrows {
      let buffer = UnsafeMutableRawBufferPointer(start: target.base, count: target.byteCount)
      costs.append((condition, try nanoseconds { try body(buffer) }))
    }
  }
}
