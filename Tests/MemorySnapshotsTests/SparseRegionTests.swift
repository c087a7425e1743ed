import Foundation
import MemorySnapshots
import Testing

/// Reading the past takes no memory of the present.
@Suite("Sparse regions", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct SparseRegionTests {
  private static let pageCount = 4096
  /// Lone pages, a run over a block's end, and the last page.
  private static let written = [0, 700, 701, 2047, 2048, 2049, 4095]

  /// The memory that the memory file of the only region of the process takes, in pages.
  private static func pagesOfFile() throws -> Int {
    for number in 3..<256 as Range<Int32> {
      let name = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(number)")
      guard name?.hasPrefix("/memfd:memory-snapshots") == true else { continue }
      var status = stat()
      guard unsafe fstat(number, &status) == 0 else { break }
      return Int(status.st_blocks) * 512 / pageSize
    }
    throw CocoaError(.fileNoSuchFile)
  }

  enum Way: String, CaseIterable, Codable { case copy, copyPages, write, consume, handOut }

  private static func read(_ way: Way, _ snapshot: MemorySnapshot) throws -> [UInt8] {
    switch way {
    case .copy: return try snapshot.bytes(in: 0..<snapshot.byteCount)
    case .copyPages:
      return try (0..<pageCount).flatMap { page in
        try snapshot.bytes(in: page * pageSize..<(page + 1) * pageSize)
      }
    case .write, .consume:
      let file = try TemporaryFile()
      if way == .write {
        try snapshot.write(to: file.descriptor)
      } else {
        try snapshot.consume(to: file.descriptor)
      }
      return try file.read(0, snapshot.byteCount)
    case .handOut:
      var bytes: [UInt8] = []
      try unsafe snapshot.handOut { part, _ in unsafe bytes += part }
      return bytes
    }
  }

  @Test("Reading a snapshot leaves the holes of its region empty", arguments: Way.allCases)
  func holesStay(_ way: Way) async {
    await #expect(processExitsWith: .success) { [way] in
      endIfHanging()
      for mode in RegionMode.tested(.sharedMemory) where !mode.preservesAhead {
        let region = try MemoryRegion(pages: SparseRegionTests.pageCount, mode)
        for page in SparseRegionTests.written { region[page] = UInt64(page + 1) }
        let expected = region.written(SparseRegionTests.written)
        let snapshot = try region.makeSnapshot()
        // What has changed since is known from elsewhere: a page that was a hole, and one that is.
        region[300] = 5
        try region.discard(700 * pageSize..<701 * pageSize)
        let before = try SparseRegionTests.pagesOfFile()
        #expect(before == SparseRegionTests.written.count)
        #expect(areEqual(try SparseRegionTests.read(way, snapshot), expected))
        #expect(try SparseRegionTests.pagesOfFile() == before)
      }
    }
  }

  @Test(
    "Blocks that were read and discarded since are holes again", arguments: Way.allCases)
  func discardedAgain(_ way: Way) async {
    await #expect(processExitsWith: .success) { [way] in
      endIfHanging()
      for mode in RegionMode.tested(.sharedMemory) where !mode.preservesAhead {
        let region = try MemoryRegion(pages: SparseRegionTests.pageCount, mode)
        region.fillPages(0..<256, with: 1)
        let first = try region.makeSnapshot()
        #expect(try first.bytes(in: 0..<256 * pageSize).allSatisfy { $0 == 1 })
        first.release()
        try region.discard(0..<256 * pageSize)
        let second = try region.makeSnapshot()
        let before = try SparseRegionTests.pagesOfFile()
        #expect(try SparseRegionTests.read(way, second).allSatisfy { $0 == 0 })
        #expect(try SparseRegionTests.pagesOfFile() == before)
      }
    }
  }

  @Test("Pages that are discarded while they are read read as they were")
  func discardedMeanwhile() async throws {
    for mode in RegionMode.tested(.sharedMemory) {
      let region = try MemoryRegion(pages: 64, mode)
      for round in 0..<(runsLongTests ? 100 : 50) {
        region.fillPages(0..<64, with: UInt8(round % 200 + 1))
        let snapshot = try region.makeSnapshot()
        let barrier = Barrier(3)
        try await onThreads(3) { index in
          barrier.wait()
          if index == 0 {
            for page in 0..<64 { try region.discard(page * pageSize..<(page + 1) * pageSize) }
          } else {
            for _ in 0..<4 {
              let bytes = try snapshot.bytes(in: 0..<region.byteCount)
              #expect(bytes.allSatisfy { $0 == UInt8(round % 200 + 1) })
            }
          }
        }
      }
    }
  }
}

extension MemoryRegion {
  /// The bytes of a region of which only these pages hold anything, in their first word.
  fileprivate func written(_ pages: [Int]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    for page in pages {
      unsafe bytes.withUnsafeMutableBytes {
        unsafe $0.storeBytes(of: self[page], toByteOffset: page * pageSize, as: UInt64.self)
      }
    }
    return bytes
  }
}
