import Foundation
import MemorySnapshots
import Testing

/// Memory that the application has locked, by mlock(2) or mlockall(2).
@Suite("Locked memory", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct LockedMemoryTests {
  @Test("Locked pages are discarded: they read as zeros, and the snapshot keeps them")
  func discard() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 16, mode)
        try LockedMemoryTests.discardHalf(region)
      }
      for kind in AdoptingTests.Kind.allCases {
        let memory = try TestMapping(kind, pages: 16)
        try LockedMemoryTests.discardHalf(unsafe MemoryRegion(adopting: memory.buffer))
      }
    }
  }

  private static func discardHalf(_ region: MemoryRegion) throws {
    region.fillPages(0..<16, with: 1)
    // Half of what is discarded is locked. Before it is protected, because locking writes to pages.
    #expect(unsafe mlock(region.baseAddress, 4 * pageSize) == 0)
    let snapshot = try region.makeSnapshot()
    try region.discard(0..<8 * pageSize)
    #expect(region.bytes(in: 0..<8 * pageSize).allSatisfy { $0 == 0 })
    #expect(region.bytes(in: 8 * pageSize..<16 * pageSize).allSatisfy { $0 == 1 })
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "Under mlockall(2), memory of pre-images that is no longer counted has gone back to the system",
    .enabled(if: geteuid() == 0, "locking this much memory takes root"))
  func poolIsHandedBack() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      #expect(mlockall(MCL_CURRENT | MCL_FUTURE) == 0)
      let pages = (64 << 20) / pageSize
      let region = try MemoryRegion(pages: pages) { $0.hasOwnHandler = true }
      region.fillPages(0..<pages, with: 1)
      let empty = region.statistics.poolBytes
      let before = memoryStatus("VmRSS")
      let snapshot = try region.makeSnapshot()
      region.fillPages(0..<pages, with: 2)
      // As much as was counted, and not two whole segments more. Stacks of threads are locked, too.
      let used = memoryStatus("VmRSS") - before
      let full = region.statistics.poolBytes
      #expect(full >= 64 << 20)
      #expect(used < full - empty + (40 << 20))
      snapshot.release()
      #expect(await eventually { region.statistics.poolBytes < empty + (16 << 20) })
      #expect(
        await eventually {
          memoryStatus("VmRSS") - before < region.statistics.poolBytes - empty + (40 << 20)
        }, "\(memoryStatus("VmRSS") - before), \(region.statistics.poolBytes - empty)")
    }
  }
}
