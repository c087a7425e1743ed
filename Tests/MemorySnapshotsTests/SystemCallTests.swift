import Foundation
import MemorySnapshots
import SystemPackage
import Testing

@Suite(
  "System calls that write into protected pages", .serialized,
  .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct SystemCallTests {
  private static let systemCallsMayWrite = UserfaultSupport().systemCallsMayWrite

  enum Call: CaseIterable { case read, recv, readv, pread }

  /// Has the kernel write `count` bytes to the region, from `offset` on. Returns what the call does.
  private static func perform(
    _ call: Call, _ region: MemoryRegion, _ offset: Int, _ bytes: [UInt8]
  ) throws -> (result: Int, errno: Int32) {
    let (reading, writing) = try Stream.pair(socket: call == .recv)
    let file = try TemporaryFile(bytes)
    if call != .pread { try writing.write(bytes) }
    let start = unsafe region.baseAddress + offset
    let source = reading.descriptor.rawValue
    let result: Int
    switch call {
    case .read: result = unsafe read(source, start, bytes.count)
    case .recv: result = unsafe recv(source, start, bytes.count, 0)
    case .pread: result = unsafe pread(file.descriptor.rawValue, start, bytes.count, 0)
    case .readv:
      let half = bytes.count / 2
      var parts = unsafe [
        iovec(iov_base: start, iov_len: half),
        iovec(iov_base: start + half, iov_len: bytes.count - half),
      ]
      result = unsafe readv(source, &parts, 2)
    }
    return (result, errno)
  }

  private static func region(_ mode: RegionMode) throws -> MemoryRegion {
    let region = try MemoryRegion(pages: 6, mode)
    region.fillPages(0..<6, with: 1)
    return region
  }

  private static let offset = pageSize + 100
  private static let bytes = [UInt8](repeating: 9, count: 3 * pageSize)

  @Test(
    "The kernel's writes fault like any others, and the snapshot keeps the old content",
    .enabled(
      if: systemCallsMayWrite,
      "userfaultfd is open to user mode only: system calls get EFAULT here"),
    arguments: RegionMode.tested(.handlerThread), Call.allCases)
  func kernelWrites(_ mode: RegionMode, _ call: Call) async throws {
    try await onThread {
      let region = try SystemCallTests.region(mode)
      let snapshot = try region.makeSnapshot()
      let bytes = SystemCallTests.bytes
      let range = SystemCallTests.offset..<SystemCallTests.offset + bytes.count
      #expect(
        try SystemCallTests.perform(call, region, range.lowerBound, bytes).result == bytes.count)
      #expect(areEqual(region.bytes(in: range), bytes))
      #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
      #expect(try pages(of: region.changedRanges(since: snapshot)) == [1, 2, 3, 4])
    }
  }

  @Test(
    "Inline, and in user mode only, a system call that writes into a protected page gets EFAULT",
    arguments: RegionMode.tested.filter { !$0.letsSystemCallsWrite }, Call.allCases)
  func kernelWritesFail(_ mode: RegionMode, _ call: Call) async throws {
    try await onThread {
      let region = try SystemCallTests.region(mode)
      let snapshot = try region.makeSnapshot()
      let outcome = try SystemCallTests.perform(
        call, region, SystemCallTests.offset, SystemCallTests.bytes)
      #expect(outcome.result == -1)
      #expect(outcome.errno == EFAULT)
      #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    }
  }

  @Test(
    "After prepareToWrite, system calls write into the region whatever the privilege",
    arguments: RegionMode.tested, Call.allCases)
  func prepared(_ mode: RegionMode, _ call: Call) async throws {
    try await onThread {
      let region = try SystemCallTests.region(mode)
      let snapshot = try region.makeSnapshot()
      let bytes = SystemCallTests.bytes
      let range = SystemCallTests.offset..<SystemCallTests.offset + bytes.count
      try region.prepareToWrite(range)
      #expect(
        try SystemCallTests.perform(call, region, range.lowerBound, bytes).result == bytes.count)
      #expect(areEqual(region.bytes(in: range), bytes))
      #expect(region.statistics.writeFaults == 0)
      #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    }
  }

  @Test(
    "Prepared pages do not fault while the keeper lifts what the last snapshot has left",
    arguments: RegionMode.tested)
  func preparedWhileDisarming(_ mode: RegionMode) async throws {
    try await onThread {
      let region = try MemoryRegion(pages: 16_000, mode)
      region.fill(0..<region.byteCount, with: 1)
      for _ in 0..<40 {
        try region.makeSnapshot().release()
        try region.prepareToWrite(0..<region.byteCount)
        // A fault here is one that a system call would fail for.
        for page in stride(from: 0, to: 16_000, by: 97) { region.set(page, to: 2) }
      }
      #expect(region.statistics.duplicateMessages == 0)
      #expect(region.statistics.writeFaults == 0)
    }
  }
}
