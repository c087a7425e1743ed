import CTestSupport
import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// What an application must not do to a region's memory, and what comes of it.
@Suite(
  "The application changes the mapping", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct MappingChangesTests {
  private func armed(_ mode: RegionMode) throws -> (MemoryRegion, MemorySnapshot) {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 1)
    return (region, try region.makeSnapshot())
  }

  @Test(
    "mprotect(2) forth and back leaves the protection in place",
    arguments: RegionMode.tested)
  func mprotectBothWays(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    region[1] = 2
    #expect(unsafe mprotect(region.baseAddress, region.byteCount, PROT_READ) == 0)
    #expect(try snapshot.word(ofPage: 1) == 0x0101_0101_0101_0101)
    #expect(unsafe mprotect(region.baseAddress, region.byteCount, PROT_READ | PROT_WRITE) == 0)
    region.fillPages(0..<64, with: 3)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "madvise(MADV_DONTNEED) of shared memory loses nothing: the file keeps the pages",
    arguments: RegionMode.tested(.sharedMemory))
  func dontNeedShared(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    #expect(unsafe madvise(region.baseAddress, region.byteCount, MADV_DONTNEED) == 0)
    region.fillPages(0..<32, with: 3)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "madvise(MADV_DONTNEED) of anonymous memory loses what was not preserved, as documented",
    arguments: RegionMode.tested(.anonymous))
  func dontNeedAnonymous(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    region.exemptFromAudit()
    region.fillPages(0..<8, with: 2)
    #expect(unsafe madvise(region.baseAddress, region.byteCount, MADV_DONTNEED) == 0)
    // Pre-images are elsewhere; the others were in the region alone.
    #expect(try snapshot.bytes(in: 0..<8 * pageSize).allSatisfy { $0 == 1 })
    #expect(try snapshot.bytes(in: 32 * pageSize..<64 * pageSize).allSatisfy { $0 == 0 })
    // With `discard(_:)`, nothing is lost.
    let (other, kept) = try armed(mode)
    try other.discard(0..<other.byteCount)
    #expect(try kept.bytes(in: 0..<other.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "Memory that was moved or unmapped cannot be snapshot any more, and that is an error",
    arguments: RegionMode.tested, [true, false])
  func gone(_ mode: RegionMode, _ isMoved: Bool) async {
    await #expect(processExitsWith: .success) { [mode, isMoved] in
      endIfHanging()
      let region = try MemoryRegion(pages: 64, mode)
      region.exemptFromAudit()
      region.fillPages(0..<64, with: 1)
      let snapshot = try region.makeSnapshot()
      region[40] = 2
      // One of the writers is about to touch memory that goes.
      let start = unsafe region.baseAddress + 32 * pageSize
      if isMoved {
        #expect(unsafe test_support_move(start, 32 * pageSize) != nil)
      } else {
        #expect(unsafe munmap(start, 32 * pageSize) == 0)
      }
      // What was preserved is still there.
      #expect(try snapshot.word(ofPage: 40) == 0x0101_0101_0101_0101)
      region[3] = 3
      #expect(try snapshot.word(ofPage: 3) == 0x0101_0101_0101_0101)
      let error = #expect(throws: SnapshotError.self) { _ = try region.makeSnapshot() }
      #expect(error?.code == .systemCall)
      #expect(error?.operation == "ioctl(UFFDIO_WRITEPROTECT)")
      snapshot.release()
    }
  }

  @Test(
    "Huge pages are split and collapsed while armed, and the snapshot stays right",
    arguments: RegionMode.tested(.anonymous), [true, false])
  func hugePages(_ mode: RegionMode, _ isCollapsed: Bool) throws {
    let pages = 4 * 512 * 4096 / pageSize
    let region = try MemoryRegion(pages: pages, mode)
    region.fill(0..<region.byteCount, with: 1)
    for round in 0..<4 {
      let snapshot = try region.makeSnapshot()
      let expected = try snapshot.bytes(in: 0..<region.byteCount)
      for page in stride(from: round, to: pages, by: 37) { region[page] = UInt64(round + 2) }
      // MADV_COLLAPSE (Linux 6.1): what khugepaged would do, now. It leaves protected ranges alone.
      if isCollapsed { _ = unsafe madvise(region.baseAddress, region.byteCount, 25) }
      for page in stride(from: round + 5, to: pages, by: 41) { region[page] = UInt64(round + 2) }
      #expect(areEqual(try snapshot.bytes(in: 0..<region.byteCount), expected))
    }
  }
}
