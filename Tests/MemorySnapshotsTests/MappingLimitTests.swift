import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// A process at `vm.max_map_count`. Each test in a process of its own.
@Suite("The limit of mappings", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct MappingLimitTests {
  private static let limit =
    Int(
      kernelFile("/proc/sys/vm/max_map_count").trimmingCharacters(in: .whitespacesAndNewlines))
    ?? .max

  /// Takes mappings until there are no more; gives them back when it goes.
  @safe
  private final class Exhaustion {
    private let memory: UnsafeMutableRawBufferPointer

    init() throws {
      let count = 2 * (MappingLimitTests.limit + 1000) * pageSize
      let start = unsafe mmap(
        nil, count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      guard let start = unsafe start, unsafe start != MAP_FAILED else {
        throw Errno(rawValue: errno)
      }
      unsafe memory = UnsafeMutableRawBufferPointer(start: start, count: count)
      for offset in stride(from: pageSize, to: count, by: 2 * pageSize) {
        if unsafe mprotect(start + offset, pageSize, PROT_READ) != 0 { return }
      }
      Issue.record("the mappings did not run out: \(errno)")
    }

    deinit { unsafe munmap(memory.baseAddress, memory.count) }
  }

  @Test(
    "Memory in the middle of other memory is let go of all the same, and unmapped later",
    .enabled(if: limit <= 300_000, "vm.max_map_count is too high to be reached here"))
  func middle() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      // What is made once.
      _ = try MappingBox()
      let before = libraryMappedBytes()
      // Neighbours, one to the kernel.
      var mappings: [MappingBox?] = []
      for _ in 0..<64 { mappings.append(try MappingBox()) }
      do {
        let exhaustion = try Exhaustion()
        for index in stride(from: 1, to: 64, by: 2) { mappings[index] = nil }
        withExtendedLifetime(exhaustion) {}
      }
      // Of the 32 that are gone, most are mapped still: the limit was met.
      #expect(libraryMappedBytes() > before + 48 * MappingBox.byteCount)
      mappings = []
      for _ in 0..<32 { _ = try MappingBox() }
      #expect(libraryMappedBytes() == before)
    }
  }

  @Test(
    "At the limit, regions, snapshots and views are refused or work, and are let go of",
    .enabled(if: limit <= 300_000, "vm.max_map_count is too high to be reached here"),
    arguments: RegionMode.tested)
  func atTheLimit(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let warm = try MemoryRegion(pages: 8, mode)
      try MappingLimitTests.use(warm)
      let before = libraryMappedBytes()
      do {
        var regions: [MemoryRegion] = []
        var views: [SnapshotView?] = []
        for index in 0..<8 {
          let region = try MemoryRegion(pages: 8, mode)
          region.fillPages(0..<8, with: 1)
          let snapshot = try region.makeSnapshot()
          for _ in 0..<4 { views.append(try snapshot.makeView()) }
          region.fillPages(0..<4, with: UInt8(2 + index))
          regions.append(region)
        }
        let exhaustion = try Exhaustion()
        for index in stride(from: 1, to: views.count, by: 2) { views[index] = nil }
        for view in views {
          if let view { #expect(view.word(ofPage: 0) == 0x0101_0101_0101_0101) }
        }
        for region in regions {
          do throws(SnapshotError) {
            let snapshot = try region.makeSnapshot()
            region.fillPages(0..<8, with: 0x77)
            let view = try snapshot.makeView()
            #expect(view.word(ofPage: 7) == 0x0101_0101_0101_0101)
          } catch {
            #expect(error.code == .outOfResources, "\(error)")
          }
        }
        do throws(SnapshotError) {
          _ = try MemoryRegion(pages: 8, mode)
        } catch {
          #expect(error.code == .outOfResources, "\(error)")
        }
        views = []
        regions = []
        withExtendedLifetime(exhaustion) {}
      }
      for _ in 0..<64 { _ = try MemoryRegion(pages: 1, mode) }
      #expect(libraryMappedBytes() <= before)
      try MappingLimitTests.use(warm)
    }
  }

  private static func use(_ region: MemoryRegion) throws {
    region.fillPages(0..<8, with: 1)
    let snapshot = try region.makeSnapshot()
    region.fillPages(0..<8, with: 2)
    #expect(try snapshot.makeView().word(ofPage: 7) == 0x0101_0101_0101_0101)
  }
}
