import CTestSupport
import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// Writes to protected pages that are not stores of this process's threads.
@Suite("Writes by other ways", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ForeignWritesTests {
  /// A way to write eight bytes; returns whether it has.
  enum Way: CaseIterable {
    case processVM, procMem, ptrace, vmsplice, ioUring, read, directRead, readScatter
  }

  /// Without privilege, and inline, the kernel refuses instead of asking the handler. No way may
  /// bypass the snapshot.
  @Test(
    "A write by another way is either in the region and not in the snapshot, or refused",
    arguments: Way.allCases, RegionMode.tested)
  func neverUnseen(_ way: Way, _ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 4, mode)
    region.fillPages(0..<4, with: 1)
    let old = region[2]
    let snapshot = try region.makeSnapshot()
    let view = try snapshot.makeView()
    let value: UInt64 = 0x0202_0202_0202_0202
    let isWritten = try await onThread {
      try ForeignWritesTests.write(value, by: way, to: region)
    }
    #expect(region[2] == (isWritten ? value : old))
    #expect(try snapshot.word(ofPage: 2) == old)
    #expect(view.word(ofPage: 2) == old)
    if mode.letsSystemCallsWrite, way != .ptrace, way != .procMem, way != .processVM,
      way != .ioUring
    {
      #expect(isWritten)
    }
    // The page is written to by this process as ever.
    region[2] = 3
    #expect(region[2] == 3)
    #expect(try snapshot.word(ofPage: 2) == old)
  }

  private static func write(
    _ value: UInt64, by way: Way, to region: MemoryRegion
  ) throws -> Bool {
    var value = value
    let place = unsafe region.baseAddress + 2 * pageSize
    switch way {
    case .processVM:
      return unsafe test_support_process_vm_write(place, &value, 8) == 8
    case .procMem:
      let memory = unsafe open("/proc/self/mem", O_RDWR | O_CLOEXEC)
      defer { close(memory) }
      return unsafe pwrite(memory, &value, 8, Int(bitPattern: place)) == 8
    case .ptrace:
      return unsafe test_support_ptrace_write(
        place.assumingMemoryBound(to: UInt64.self), value) == 0
    case .directRead:
      return unsafe try readDirectly(value, place)
    case .vmsplice, .ioUring, .read, .readScatter:
      let (reading, writing) = try Stream.pair(socket: false)
      _ = try unsafe withUnsafeBytes(of: &value) { try unsafe writing.descriptor.write($0) }
      let number = reading.descriptor.rawValue
      switch way {
      case .vmsplice: return unsafe test_support_vmsplice_read(number, place, 8) == 8
      case .ioUring:
        guard let ring = unsafe test_support_ring_make(nil, 0) else {
          throw Errno(rawValue: errno)
        }
        defer { unsafe test_support_ring_free(ring) }
        return unsafe test_support_ring_read(ring, number, place, 8) == 8
      case .readScatter:
        var vectors = unsafe [
          iovec(iov_base: place, iov_len: 4), iovec(iov_base: place + 4, iov_len: 4),
        ]
        return unsafe readv(number, &vectors, 2) == 8
      default: return unsafe Glibc.read(number, place, 8) == 8
      }
    }
  }

  /// O_DIRECT: the kernel pins the page, which faults, and the device writes to it.
  private static func readDirectly(
    _ value: UInt64, _ place: UnsafeMutableRawPointer
  ) throws -> Bool {
    let path = "/var/tmp/snapshot-direct-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unsafe unlink(path) }
    let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: value), count: pageSize)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let file = unsafe test_support_open_direct(path)
    guard file >= 0 else { throw Errno(rawValue: -file) }
    defer { close(file) }
    return unsafe pread(file, place, pageSize, 0) == pageSize
  }
}
