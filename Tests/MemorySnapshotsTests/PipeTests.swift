import CTestSupport
import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// splice(2), tee(2) and vmsplice(2) refer to pages instead of copying them. What a pipe shows after
/// a page was written to is the kernel's affair; what the snapshot shows is ours.
@Suite("Pipes that hold pages", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct PipeTests {
  private static let ones = UInt64(0x0101_0101_0101_0101)

  /// `count` pages of ones, all protected.
  private func armed(_ mode: RegionMode) throws -> (MemoryRegion, MemorySnapshot) {
    let region = try MemoryRegion(pages: 8, mode)
    region.fillPages(0..<8, with: 1)
    return (region, try region.makeSnapshot())
  }

  private func word(_ bytes: [UInt8]) -> UInt64 {
    unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
  }

  @Test(
    "Pages given to a pipe by vmsplice, as a gift or not, stay the region's, and the snapshot's as was",
    arguments: RegionMode.tested, [true, false])
  func vmsplice(_ mode: RegionMode, _ isGift: Bool) throws {
    let (region, snapshot) = try armed(mode)
    let view = try snapshot.makeView()
    let (reading, writing) = try Stream.pair(socket: false)
    #expect(
      unsafe test_support_vmsplice_write(
        writing.descriptor.rawValue, region.baseAddress + pageSize, 2 * pageSize, isGift)
        == 2 * pageSize)
    for page in 0..<4 { region[page] = 2 }
    #expect(try (0..<8).allSatisfy { try snapshot.word(ofPage: $0) == PipeTests.ones })
    #expect((0..<8).allSatisfy { view.word(ofPage: $0) == PipeTests.ones })
    #expect([PipeTests.ones, 2].contains(word(try reading.read(pageSize))))
    // One of the pages is still in the pipe.
    let second = try region.makeSnapshot()
    for page in 0..<4 { region[page] = 3 }
    #expect(try (0..<4).allSatisfy { try second.word(ofPage: $0) == 2 })
    try region.restore(to: snapshot)
    #expect((0..<8).allSatisfy { region[$0] == PipeTests.ones })
    #expect(try (0..<4).allSatisfy { try second.word(ofPage: $0) == 2 })
    #expect(try reading.read(pageSize).count == pageSize)
  }

  @Test(
    "Protected pages go through two pipes into files without being written to or preserved",
    arguments: RegionMode.tested)
  func teeAndSplice(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    let first = try Stream.pair(socket: false)
    let second = try Stream.pair(socket: false)
    #expect(
      unsafe test_support_vmsplice_write(
        first.writing.descriptor.rawValue, region.baseAddress, 2 * pageSize, false)
        == 2 * pageSize)
    #expect(
      test_support_tee(
        first.reading.descriptor.rawValue, second.writing.descriptor.rawValue, 2 * pageSize)
        == 2 * pageSize)
    let before = try TemporaryFile()
    try splice(first.reading, into: before)
    #expect(region.statistics.writeFaults == 0)
    #expect(region.statistics.preservedBytes == 0)
    for page in 0..<2 { region[page] = 2 }
    #expect(areEqual(try before.read(0, 2 * pageSize), [UInt8](repeating: 1, count: 2 * pageSize)))
    let after = try TemporaryFile()
    try splice(second.reading, into: after)
    #expect([PipeTests.ones, 2].contains(word(try after.read(0, 8))))
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  private func splice(_ pipe: Stream, into file: TemporaryFile) throws {
    var done = 0
    while done < 2 * pageSize {
      let part = test_support_splice(
        pipe.descriptor.rawValue, file.descriptor.rawValue, 2 * pageSize - done)
      try #require(part > 0)
      done += part
    }
  }

  /// A memory file of the application's own: only its own descriptor can be spliced from.
  @Test(
    "Pages of a memory file that are in a pipe do not let a write to the region into its snapshot",
    arguments: RegionMode.tested(.sharedMemory))
  func memoryFile(_ mode: RegionMode) throws {
    let number = test_support_create_memory_file()
    try #require(number >= 0 && ftruncate(number, 8 * pageSize) == 0)
    let file = FileDescriptor(rawValue: number)
    defer { try? file.close() }
    let memory = try TestMapping(flags: MAP_SHARED, file: file, pages: 8)
    let region = try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
    region.fillPages(0..<8, with: 1)
    let snapshot = try region.makeSnapshot()
    let (reading, writing) = try Stream.pair(socket: false)
    #expect(
      test_support_splice_file(number, Int64(pageSize), writing.descriptor.rawValue, 2 * pageSize)
        == 2 * pageSize)
    for page in 0..<4 { region[page] = 2 }
    #expect([PipeTests.ones, 2].contains(word(try reading.read(2 * pageSize))))
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }
}
