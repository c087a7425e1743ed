import Foundation
import MemorySnapshots
import ScenarioSupport
import Testing

/// Hazard 10: pages in swap. The tests make a swap file, as root; MADV_PAGEOUT alone drops nothing
/// where there is none.
@Suite("Pages in swap", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct SwapTests {
  private static let pages = 512

  /// The word of a page in a round.
  private func word(_ page: Int, _ round: Int) -> UInt64 { UInt64(round << 32 | page + 1) }

  @Test(
    "Pages that are swapped out protected, or protected swapped out, are in the snapshot as they were",
    .enabled(if: geteuid() == 0, "a swap file takes root"),
    arguments: RegionMode.tested)
  func swappedOut(_ mode: RegionMode) async throws {
    try await withSystemState {
      let swap = try SwapFile(megabytes: 16)
      defer { swap.remove() }
      let region = try MemoryRegion(pages: SwapTests.pages, mode)
      for page in 0..<SwapTests.pages { region[page] = word(page, 1) }
      let first = try region.makeSnapshot()
      try pageOut(region)
      // Every other page is read in by a fault, and with a view open.
      let view = try first.makeView()
      for page in stride(from: 0, to: SwapTests.pages, by: 2) { region[page] = word(page, 2) }
      #expect(try wrongPages { try first.word(ofPage: $0) == word($0, 1) } == [])
      try pageOut(region)
      let second = try region.makeSnapshot()
      for page in 0..<SwapTests.pages { region[page] = word(page, 3) }
      #expect(try wrongPages { try first.word(ofPage: $0) == word($0, 1) } == [])
      #expect(wrongPages { view.word(ofPage: $0) == word($0, 1) } == [])
      #expect(
        try wrongPages { try second.word(ofPage: $0) == word($0, $0.isMultiple(of: 2) ? 2 : 1) }
          == [])
      try pageOut(region)
      try region.restore(to: first)
      #expect(wrongPages { region[$0] == word($0, 1) } == [])
      #expect(
        try wrongPages { try second.word(ofPage: $0) == word($0, $0.isMultiple(of: 2) ? 2 : 1) }
          == [])
    }
  }

  @Test(
    "Pages that come back from swap without a fault, because it is switched off, are still protected",
    .enabled(if: geteuid() == 0, "a swap file takes root"),
    arguments: RegionMode.tested)
  func swappedIn(_ mode: RegionMode) async throws {
    try await withSystemState {
      let swap = try SwapFile(megabytes: 16)
      let region: MemoryRegion
      let snapshot: MemorySnapshot
      do {
        defer { swap.remove() }
        region = try MemoryRegion(pages: SwapTests.pages, mode)
        for page in 0..<SwapTests.pages { region[page] = word(page, 1) }
        snapshot = try region.makeSnapshot()
        try pageOut(region)
      }
      // All are in memory now, unless the system has more swap than this and has put them there.
      for page in 0..<SwapTests.pages { region[page] = word(page, 2) }
      #expect(try wrongPages { try snapshot.word(ofPage: $0) == word($0, 1) } == [])
      #expect(mode.isGuessing || region.statistics.writeFaults == SwapTests.pages)
    }
  }

  private func wrongPages(_ isRight: (Int) throws -> Bool) rethrows -> [Int] {
    try (0..<SwapTests.pages).filter { try !isRight($0) }
  }

  /// Asks until most of the region is in swap: the kernel skips pages that it is busy with.
  private func pageOut(_ region: MemoryRegion) throws {
    for _ in 0..<1000 {
      let pageOut: Int32 = 21  // MADV_PAGEOUT
      try #require(unsafe madvise(region.baseAddress, region.byteCount, pageOut) == 0)
      if swappedBytes(region) > region.byteCount / 2 { return }
      yieldThread()
    }
    Issue.record("\(swappedBytes(region)) bytes of \(region.byteCount) are in swap")
  }

  /// By /proc/self/smaps, of the mappings that the region consists of.
  private func swappedBytes(_ region: MemoryRegion) -> Int {
    let start = unsafe Int(bitPattern: region.baseAddress)
    let text = kernelFile("/proc/self/smaps")
    var isInside = false
    var sum = 0
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      let bounds = words[0].split(separator: "-").compactMap { Int($0, radix: 16) }
      if bounds.count == 2 {
        isInside = bounds[0] >= start && bounds[1] <= start + region.byteCount
      } else if isInside, words[0] == "Swap:" {
        sum += (Int(words[1]) ?? 0) << 10
      }
    }
    return sum
  }
}
