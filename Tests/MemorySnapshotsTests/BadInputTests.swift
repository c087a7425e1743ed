import Foundation
import MemorySnapshots
import SystemPackage
import Testing

@Suite("Bad input", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct BadInputTests {
  private func code(_ body: () throws -> Void) -> SnapshotError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? SnapshotError)?.code
    }
  }

  @Test(
    "A byte count that makes no sense is refused",
    arguments: [0, -1, -4096, .min, .max, .max - 4095, 1 << 60])
  func byteCounts(_ byteCount: Int) {
    for backing in MemoryRegion.Backing.allCases {
      #expect(
        code { _ = try MemoryRegion(byteCount: byteCount, options: .init(backing: backing)) }
          == .invalidArgument)
    }
  }

  @Test("A byte count that is not whole pages is rounded up")
  func rounding() throws {
    #expect(try MemoryRegion(byteCount: 1).byteCount == pageSize)
    #expect(try MemoryRegion(byteCount: pageSize + 1).byteCount == 2 * pageSize)
  }

  @Test("Options that make no sense are refused", arguments: RegionMode.tested)
  func options(_ mode: RegionMode) {
    #expect(
      code { _ = try MemoryRegion(pages: 1, mode) { $0.storeLimit = -1 } } == .invalidArgument)
    for count in [Int.min, -1, 0, 65, .max] {
      #expect(
        code { _ = try MemoryRegion(pages: 1, mode) { $0.handlerThreadCount = count } }
          == .invalidArgument)
    }
  }

  @Test(
    "A range outside the region is refused by every operation", arguments: RegionMode.tested)
  func ranges(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 2, mode)
    let snapshot = try region.makeSnapshot()
    let end = region.byteCount
    for range in [-1..<1, -10 ..< -5, end..<end + 1, 0..<end + 1, .min..<0, 0..<Int.max] {
      var byte: UInt8 = 0
      #expect(
        code {
          try unsafe withUnsafeMutableBytes(of: &byte) {
            try unsafe snapshot.copyBytes(in: range, into: $0)
          }
        } == .invalidArgument)
      #expect(code { try region.prepareToWrite(range) } == .invalidArgument)
      #expect(code { try region.discard(range) } == .invalidArgument)
    }
    #expect(code { try region.discard(0..<100) } == .invalidArgument)
    #expect(code { try region.discard(1..<pageSize) } == .invalidArgument)
    #expect(code { try region.prepareToWrite(end..<end) } == nil)
    #expect(code { try region.discard(0..<0) } == nil)
  }

  @Test("A buffer that is too small is refused", arguments: RegionMode.tested)
  func smallBuffer(_ mode: RegionMode) throws {
    let snapshot = try MemoryRegion(pages: 1, mode).makeSnapshot()
    var bytes = [UInt8](repeating: 0, count: 7)
    #expect(
      code {
        try unsafe bytes.withUnsafeMutableBytes {
          try unsafe snapshot.copyBytes(in: 0..<8, into: $0)
        }
      } == .invalidArgument)
  }

  @Test(
    "A snapshot of another region is refused wherever one is given", arguments: RegionMode.tested)
  func foreignSnapshot(_ mode: RegionMode) throws {
    let snapshot = try MemoryRegion(pages: 1, mode).makeSnapshot()
    let region = try MemoryRegion(pages: 1, mode)
    let own = try region.makeSnapshot()
    #expect(code { try region.restore(to: snapshot) } == .invalidArgument)
    #expect(code { _ = try region.changedRanges(since: snapshot) } == .invalidArgument)
    #expect(code { _ = try own.changedRanges(since: snapshot) } == .invalidArgument)
  }

  @Test(
    "After release, every way of reading throws, and releasing again has no effect",
    arguments: RegionMode.tested)
  func released(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 4, mode)
    let snapshot = try region.makeSnapshot()
    snapshot.release()
    snapshot.release()
    #expect(code { _ = try snapshot.bytes(in: 0..<1) } == .released)
    #expect(code { _ = try snapshot.makeView() } == .released)
    #expect(code { try region.restore(to: snapshot) } == .released)
    let file = try TemporaryFile()
    #expect(code { try snapshot.write(to: file.descriptor) } == .released)
    #expect(try file.size() == 0)
    #expect(region.statistics.snapshotsLive == 0)
  }

  @Test(
    "A view outlives the release of its snapshot and the last reference to its region",
    arguments: RegionMode.tested)
  func viewOutlives(_ mode: RegionMode) throws {
    var region: MemoryRegion? = try MemoryRegion(pages: 4, mode)
    region?.set(1, to: 11)
    let view: SnapshotView
    do {
      let snapshot = try #require(try region?.makeSnapshot())
      region?.set(1, to: 12)
      view = try snapshot.makeView()
      snapshot.release()
    }
    region?.set(2, to: 13)
    region = nil
    #expect(view.word(ofPage: 1) == 11)
    #expect(view.word(ofPage: 2) == 0)
  }

  @Test("No descriptor, thread or mapping is lost when an initialiser throws")
  func nothingLeaks() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let keeper = try MemoryRegion(pages: 1)
      func attempt() {
        for mode in RegionMode.tested {
          _ = try? MemoryRegion(pages: 0, mode)
          _ = try? MemoryRegion(pages: 1, mode) { $0.storeLimit = -1 }
          // The store of its own is made before the address space turns out to be too small.
          var options = mode.options
          options.hasOwnHandler = true
          _ = try? MemoryRegion(byteCount: 1 << 43, options: options)
          _ = unsafe try? MemoryRegion(
            adopting: UnsafeMutableRawBufferPointer(start: keeper.baseAddress, count: pageSize),
            options: options)
        }
      }
      attempt()
      let before = ProcessResources.now()
      for _ in 0..<64 { attempt() }
      #expect(await ProcessResources.stayed(before), "\(before), then \(ProcessResources.now())")
    }
  }
}
