import Foundation
@testable import MemorySnapshots
import SystemPackage
import Testing

/// One test, or more, for each hazard of write-protection that can be brought about here.
@Suite("Hazards", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct HazardTests {
  @Test(
    "Hazard 1: pages that were never written to are protected, with and without the kernel's help",
    arguments: RegionMode.tested, [true, false])
  func unpopulated(_ mode: RegionMode, _ withoutFeature: Bool) async throws {
    var features = UserfaultSupport().features
    if withoutFeature { features.remove(.writeProtectUnpopulated) }
    let region = try MemoryRegion(
      byteCount: 700 * pageSize, options: mode.options, kernelFeatures: features)
    let snapshot = try region.makeSnapshot()
    try await onThread { for page in 0..<700 { region.set(page, to: 5) } }
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 0 })
    #expect(try region.changedRanges(since: snapshot) == [0..<region.byteCount])
    #expect(mode.isGuessing || region.statistics.writeFaults == 700)
    // And once more, after the pages were given back.
    try region.discard(0..<350 * pageSize)
    let second = try region.makeSnapshot()
    try await onThread { for page in 0..<700 { region.set(page, to: 6) } }
    #expect(try second.word(ofPage: 349) == 0)
    #expect(try second.word(ofPage: 350) == 5)
  }

  @Test("Hazard 2: features are asked for on a descriptor of its own, and shakes hands once")
  func handshake() throws {
    let support = UserfaultSupport()
    #expect(support.features.contains(.writeProtect))
    let userfault = try Userfaultfd(features: [.writeProtect])
    #expect(throws: Errno.self) { try Kernel.handshake(userfault.descriptor.rawValue, 0) }
  }

  @Test("Hazard 3: the ways to open a descriptor are tried in order until one works")
  func openingOrder() {
    let support = UserfaultSupport()
    let all = UserfaultSupport.Method.allCases
    #expect(all == [.device, .systemCall, .userModeOnly])
    #expect(support.attempts.map(\.method) == Array(all.prefix(support.attempts.count)))
    #expect(support.attempts.dropLast().allSatisfy { $0.errno != nil })
    #expect(support.attempts.last?.method == support.method)
    #expect(support.attempts.last?.errno == nil)
  }

  @Test(
    "Hazard 5: a region is not let go while a snapshot or a view of it lives",
    arguments: RegionMode.tested)
  func closing(_ mode: RegionMode) throws {
    weak var gone: MemoryRegion?
    do {
      let snapshot = try MemoryRegion(pages: 2, mode).makeSnapshot()
      gone = snapshot.region
      snapshot.region.set(0, to: 4)
      #expect(try snapshot.word(ofPage: 0) == 0)
      snapshot.release()
      #expect(gone != nil)
    }
    #expect(gone == nil)
  }

  @Test(
    "Hazard 7: pages are given back without losing what snapshots and views see",
    arguments: RegionMode.tested)
  func discarding(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 600, mode)
    region.fillPages(0..<600, with: 1)
    let snapshot = try region.makeSnapshot()
    let view = try snapshot.makeView()
    try await onThread { try region.discard(pageSize..<599 * pageSize) }
    #expect(region.bytes(in: pageSize..<599 * pageSize).allSatisfy { $0 == 0 })
    #expect(region.bytes(in: 599 * pageSize..<600 * pageSize).allSatisfy { $0 == 1 })
    let ones = [UInt8](repeating: 1, count: region.byteCount)
    #expect(areEqual(try snapshot.bytes(in: 0..<region.byteCount), ones))
    #expect(areEqual(view.bytes(in: 0..<region.byteCount), ones))
    try region.restore(to: snapshot)
    #expect(areEqual(region.bytes(in: 0..<region.byteCount), ones))
  }

  @Test(
    "Hazard 8: a huge page is split by the first write, and both halves stay right",
    arguments: RegionMode.tested(.anonymous))
  func hugePages(_ mode: RegionMode) async throws {
    let pages = 4 * (2 << 20) / pageSize
    let region = try MemoryRegion(pages: pages, mode)
    unsafe #expect(UInt(bitPattern: region.baseAddress) % (2 << 20) == 0)
    region.fill(0..<region.byteCount, with: 1)
    let snapshot = try region.makeSnapshot()
    try await onThread {
      for page in stride(from: 0, to: pages, by: 100) { region.set(page, to: 2) }
    }
    let second = try region.makeSnapshot()
    try await onThread { for page in 0..<pages { region.set(page, to: 3) } }
    let ones = UInt64(0x0101_0101_0101_0101)
    #expect(try (0..<pages).allSatisfy { try snapshot.word(ofPage: $0) == ones })
    #expect(
      try (0..<pages).allSatisfy { try second.word(ofPage: $0) == ($0 % 100 == 0 ? 2 : ones) })
  }

  @Test("Hazard 11: sizes come from sysconf(_SC_PAGESIZE)", arguments: RegionMode.tested)
  func pageSizes(_ mode: RegionMode) throws {
    let region = try MemoryRegion(byteCount: 1, options: mode.options)
    #expect(region.byteCount == pageSize)
    let snapshot = try region.makeSnapshot()
    region.set(0, to: 1)
    #expect(try region.changedRanges(since: snapshot) == [0..<pageSize])
  }

  @Test("Hazard 12: the number of mappings does not grow with the pages that were written to")
  func mappings() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 8192, mode)
        region.fill(0..<region.byteCount, with: 1)
        let snapshot = try region.makeSnapshot()
        let view = try snapshot.makeView()
        let before = ProcessResources.now()
        for page in stride(from: 0, to: 8192, by: 2) { region.set(page, to: 2) }
        _ = view.bytes(in: 0..<region.byteCount)
        #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
      }
    }
  }
}
