import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// Advice and locks on a part of a mapping are allowed. They split it, and the kernel refuses some
/// operations on a range that is in two mappings.
@Suite("Split mappings", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct SplitMappingTests {
  /// What splits a mapping.
  enum Call: String, Codable, CaseIterable {
    case sequential
    case random
    case notDumped
    case locked

    func split(_ start: UnsafeMutableRawPointer, pages: Int) -> Bool {
      let count = pages * pageSize
      return switch self {
      case .sequential: unsafe madvise(start, count, Int32(MADV_SEQUENTIAL)) == 0
      case .random: unsafe madvise(start, count, Int32(MADV_RANDOM)) == 0
      case .notDumped: unsafe madvise(start, count, Int32(MADV_DONTDUMP)) == 0
      // It reads the pages, too, which system calls may not be allowed to: ENOMEM, with the mapping split.
      case .locked: unsafe mlock(start, count) == 0 || errno == ENOMEM
      }
    }
  }

  private static func checkView(_ mode: RegionMode, _ call: Call, adopts: Bool) throws {
    let watchdog = Watchdog()
    let pages = 1000
    // Neither is where a run of pages that is filled at once ends.
    let parts = [(start: 77, count: 1), (start: 210, count: 195)]
    let memory = try TestMapping(
      mode.backing == .sharedMemory ? .memoryFile : .anonymous, pages: pages)
    let region =
      adopts
      ? try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
      : try MemoryRegion(pages: pages, mode)
    for page in 0..<pages { region[page] = UInt64(page + 1) }
    let snapshot = try region.makeSnapshot()
    for page in 0..<300 { region[page] = 0 }
    var views = try (0..<4).map { _ in try snapshot.makeView() }
    let starts = views.map { unsafe $0.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
    for start in starts {
      for part in parts {
        watchdog.beat("\(call) of \(part.count) pages")
        let pointer = try unsafe #require(
          UnsafeMutableRawPointer(bitPattern: start + UInt(part.start * pageSize)))
        #expect(unsafe call.split(pointer, pages: part.count), "\(Errno(rawValue: errno))")
      }
    }
    for page in 300..<pages { region[page] = 0 }
    for (number, view) in views.enumerated() {
      watchdog.beat("view \(number)")
      let wrong = (0..<pages).count { view.word(ofPage: $0) != UInt64($0 + 1) }
      #expect(wrong == 0, "view \(number): \(wrong) pages wrong")
    }
    views.removeAll()
    #expect(try snapshot.word(ofPage: pages - 1) == UInt64(pages))
    // A view may hold its snapshot's pre-images.
    snapshot.release()
    // All of its parts have gone, and nobody is told of faults there.
    for start in starts {
      let pointer = try unsafe #require(UnsafeMutableRawPointer(bitPattern: start))
      for part in [0] + parts.map(\.start) {
        #expect(unsafe msync(pointer + part * pageSize, pageSize, Int32(MS_ASYNC)) == -1)
      }
    }
    #expect(region.statistics.residentViewBytes == 0)
    withExtendedLifetime(memory) {}
  }

  @Test(
    "A view of which a part was locked or given advice is read to its end, and goes as a whole",
    arguments: RegionMode.tested(guessing: true), Call.allCases)
  func views(_ mode: RegionMode, _ call: Call) async {
    await #expect(processExitsWith: .success) { [mode, call] in
      try SplitMappingTests.checkView(mode, call, adopts: false)
    }
    await #expect(processExitsWith: .success) { [mode, call] in
      try SplitMappingTests.checkView(mode, call, adopts: true)
    }
  }

  @Test(
    "A region of which a part was locked or given advice is protected and let go as before",
    arguments: RegionMode.tested, Call.allCases)
  func regions(_ mode: RegionMode, _ call: Call) async {
    await #expect(processExitsWith: .success) { [mode, call] in
      endIfHanging()
      let pages = 600
      let region = try MemoryRegion(pages: pages, mode)
      for page in 0..<pages { region[page] = 1 }
      let first = try region.makeSnapshot()
      for page in 0..<100 { region[page] = 2 }
      // Protected at present, and across what is protected and what is not.
      for (start, count) in [(333, 50), (90, 21)] {
        #expect(unsafe call.split(region.baseAddress + start * pageSize, pages: count))
      }
      for page in 50..<400 { region[page] = 3 }
      let second = try region.makeSnapshot()
      try region.prepareToWrite(300 * pageSize..<400 * pageSize)
      for page in 0..<pages { region[page] = 4 }
      #expect(try (0..<pages).allSatisfy { try first.word(ofPage: $0) == 1 })
      let expected = (0..<pages).map { UInt64($0 < 50 ? 2 : $0 < 400 ? 3 : 1) }
      #expect(try (0..<pages).map { try second.word(ofPage: $0) } == expected)
      try region.restore(to: second)
      #expect((0..<pages).map { region[$0] } == expected)
      try region.discard(320 * pageSize..<350 * pageSize)
      #expect(try second.word(ofPage: 340) == 3)
      #expect(region[340] == 0)
      try region.checkConsistency()
      first.release()
      second.release()
      for page in 0..<pages { region[page] = 5 }
    }
  }
}
