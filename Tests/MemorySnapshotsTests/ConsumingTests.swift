import Foundation
import MemorySnapshots
import SystemPackage
import Testing

@Suite("Consuming a snapshot", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ConsumingTests {
  @Test(
    "What is consumed is the snapshot, each part once and in order, while writers overtake",
    arguments: RegionMode.tested)
  func handsOutEverything(
    _ mode: RegionMode
  ) async throws {
    let pages = 600
    let region = try MemoryRegion(
      pages: pages, mode)
    for page in 0..<pages { region[page] = UInt64(page + 1) }
    let snapshot = try region.makeSnapshot()
    let isDone = Shared(false)
    let writer = startThread {
      var page = pages - 1
      while !isDone.isSet {
        region[page] = 0xdead
        page = page == 0 ? pages - 1 : page - 1
      }
    }
    var next = 0
    var wrongPages: [Int] = []
    try snapshot.consume { bytes, range in
      #expect(range.lowerBound == next)
      next = range.upperBound
      for page in range.lowerBound / pageSize..<range.upperBound / pageSize {
        let value = unsafe bytes.unsafeLoad(
          fromByteOffset: page * pageSize - range.lowerBound, as: UInt64.self)
        if value != UInt64(page + 1) { wrongPages.append(page) }
      }
    }
    isDone.set()
    try await writer.value
    #expect(next == region.byteCount)
    #expect(wrongPages == [])
    #expect(throws: SnapshotError.self) { try snapshot.word(ofPage: 0) }
    #expect(region.statistics.snapshotsLive == 0)
    #expect(region.statistics.preservedBytes == 0)
  }

  @Test(
    "A snapshot that comes and goes while an older one is consumed leaves that nothing it does not need",
    arguments: RegionMode.tested(guessing: false))
  func newerComesAndGoes(_ mode: RegionMode) throws {
    let pages = 64
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    let snapshot = try region.makeSnapshot()
    try snapshot.consume { bytes, range in
      let isIntact = unsafe bytes.withUnsafeBytes { unsafe $0.allSatisfy { $0 == 1 } }
      #expect(isIntact)
      guard range.lowerBound > 0 else { return }
      let newer = try region.makeSnapshot()
      let kept = region.statistics.preservedBytes
      // Handed out before: the newer snapshot alone needs them.
      for page in 0..<range.lowerBound / pageSize { region[page] += 1 }
      try region.checkConsistency()
      #expect(region.statistics.preservedBytes > kept)
      newer.release()
      try region.checkConsistency()
      #expect(region.statistics.preservedBytes == kept)
    }
    #expect(region.statistics.preservedBytes == 0)
  }

  @Test(
    "Pages behind the consumer take neither a fault nor memory",
    arguments: RegionMode.tested)
  func letsGo(_ mode: RegionMode) throws {
    let pages = 64
    let region = try MemoryRegion(
      pages: pages, mode
    ) { $0.tracksChangesWhenIdle = true }
    region.fillPages(0..<pages, with: 1)
    let snapshot = try region.makeSnapshot()
    try snapshot.consume { _, range in
      let faults = region.statistics.writeFaults
      for page in 0..<range.lowerBound / pageSize { region[page] = 2 }
      #expect(region.statistics.writeFaults == faults)
    }
    let faults = region.statistics.writeFaults
    region.fillPages(0..<pages, with: 3)
    #expect(region.statistics.writeFaults == faults)
    #expect(region.statistics.mostPreservedBytes == 0)
  }

  @Test(
    "Other snapshots keep what they need of the pages that are let go of",
    arguments: RegionMode.tested)
  func sparesOthers(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 1)
    let older = try region.makeSnapshot()
    region[3] = 7
    let consumed = try region.makeSnapshot()
    let file = try TemporaryFile()
    try consumed.consume(to: file.descriptor)
    region.fillPages(0..<64, with: 9)
    #expect(try older.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    #expect(try file.read(3 * pageSize, 8) == [7, 0, 0, 0, 0, 0, 0, 0])
    #expect(try file.size() == region.byteCount)
  }

  @Test(
    "What the closure throws arrives as it is, apart from the library's errors",
    arguments: RegionMode.tested)
  func ownError(_ mode: RegionMode) throws {
    struct Full: Error, Equatable { let after: Int }
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 1)
    let snapshot = try region.makeSnapshot()
    let error = #expect(throws: ClosureError<Full>.self) {
      try snapshot.consume { bytes, range throws(Full) in
        if range.lowerBound > 0 { throw Full(after: bytes.byteCount) }
      }
    }
    #expect(error == .closure(Full(after: 64 << 10)))
    #expect(error?.description == "\(Full(after: 64 << 10))")
    #expect(throws: SnapshotError.self) { try snapshot.word(ofPage: 0) }
    #expect(region.statistics.snapshotsLive == 0)
  }

  @Test(
    "A snapshot with an open view is not consumed, and stays as it is",
    arguments: RegionMode.tested)
  func refusesViews(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 4, mode)
    region[1] = 5
    let snapshot = try region.makeSnapshot()
    let view = try snapshot.makeView()
    let error = #expect(throws: ClosureError<Never>.self) { try snapshot.consume { _, _ in } }
    guard case .snapshot(let refusal)? = error else { return }
    #expect(refusal.code == .invalidArgument)
    region[1] = 6
    #expect(view.word(ofPage: 1) == 5)
    #expect(try snapshot.word(ofPage: 1) == 5)
  }

  /// What must not happen is a look at freed memory, which the address sanitizer sees.
  @Test(
    "A consumer that releases its snapshot, and then the older one, is told so at the next part",
    arguments: RegionMode.tested)
  func releasedByConsumer(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 1)
    var older: MemorySnapshot? = try region.makeSnapshot()
    let consumed = try region.makeSnapshot()
    var parts = 0
    let error = #expect(throws: ClosureError<Never>.self) {
      try consumed.consume { _, _ in
        parts += 1
        consumed.release()
        older = nil
      }
    }
    guard case .snapshot(let refusal)? = error else { return }
    #expect(refusal.code == .released)
    #expect(parts == 1)
    #expect(older == nil)
    #expect(region.statistics.snapshotsLive == 0)
  }
}
