import Foundation
import MemorySnapshots
import Synchronization
import SystemPackage
import Testing

@Suite("MemorySnapshot.write(to:)", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct SnapshotSavingTests {
  private static let pages = 256

  /// Data in three places, and zeros between them.
  private static func snapshot(_ mode: RegionMode) throws -> MemorySnapshot {
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(3..<5, with: 0x33)
    region.fillPages(100..<101, with: 0x44)
    region.fillPages(255..<256, with: 0x55)
    let snapshot = try region.makeSnapshot()
    region.fillPages(3..<4, with: 0x99)
    region.fillPages(50..<51, with: 0x99)
    try region.discard(100 * pageSize..<101 * pageSize)
    return snapshot
  }

  private static var expected: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: pages * pageSize)
    for (range, byte) in [(3..<5, UInt8(0x33)), (100..<101, 0x44), (255..<256, 0x55)] {
      for index in range.lowerBound * pageSize..<range.upperBound * pageSize { bytes[index] = byte }
    }
    return bytes
  }

  @Test(
    "A file holds the snapshot, with holes for its zeros", arguments: RegionMode.tested)
  func sparse(_ mode: RegionMode) throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let file = try TemporaryFile()
    var reported = 0
    try snapshot.write(to: file.descriptor) { reported = $0 }
    #expect(reported == snapshot.byteCount)
    #expect(areEqual(try file.read(0, 2 * snapshot.byteCount), SnapshotSavingTests.expected))
    #expect(try file.allocatedBytes() < snapshot.byteCount / 4)
    #expect(try file.offset() == snapshot.byteCount)
  }

  @Test(
    "What a file held before is overwritten, by zeros too, and what lies beyond stays",
    arguments: RegionMode.tested, [0, 1, 5000])
  func overwrites(_ mode: RegionMode, _ start: Int) throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let count = snapshot.byteCount
    let file = try TemporaryFile([UInt8](repeating: 0xff, count: count + 10_000))
    try file.descriptor.seek(offset: Int64(start), from: .start)
    try snapshot.write(to: file.descriptor)
    #expect(areEqual(try file.read(start, count), SnapshotSavingTests.expected))
    #expect(try file.read(0, start).allSatisfy { $0 == 0xff })
    #expect(try file.read(start + count, 20_000).count == 10_000 - start)
    #expect(try file.read(start + count, 20_000).allSatisfy { $0 == 0xff })
    #expect(try file.offset() == start + count)
  }

  @Test("A file that ends inside the snapshot is extended", arguments: RegionMode.tested)
  func extends(_ mode: RegionMode) throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let file = try TemporaryFile([UInt8](repeating: 0xff, count: 10 * pageSize + 77))
    try file.descriptor.seek(offset: 0, from: .start)
    try snapshot.write(to: file.descriptor)
    #expect(areEqual(try file.read(0, 2 * snapshot.byteCount), SnapshotSavingTests.expected))
  }

  @Test("A file opened for appending gets the snapshot at its end", arguments: RegionMode.tested)
  func appends(_ mode: RegionMode) throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let file = try TemporaryFile([1, 2, 3], append: true)
    try file.descriptor.seek(offset: 0, from: .start)
    try snapshot.write(to: file.descriptor)
    #expect(try file.read(0, 3) == [1, 2, 3])
    #expect(areEqual(try file.read(3, 2 * snapshot.byteCount), SnapshotSavingTests.expected))
  }

  enum Channel: CaseIterable { case pipe, nonBlockingPipe, socket }

  @Test(
    "A pipe or a socket gets every byte, zeros included",
    arguments: RegionMode.tested, Channel.allCases)
  func streams(_ mode: RegionMode, _ channel: Channel) async throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let (reading, writing) = try Stream.pair(socket: channel == .socket)
    if channel == .nonBlockingPipe { writing.doNotBlock() }
    let received = startThread { try reading.readAll() }
    try await onThread {
      try snapshot.write(to: writing.descriptor)
      writing.close()
    }
    #expect(areEqual(try await received.value, SnapshotSavingTests.expected))
  }

  @Test(
    "A reader that goes away is an error that says how much it got, not a signal",
    arguments: RegionMode.tested)
  func brokenPipe(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      signal(SIGPIPE, SIG_DFL)
      let snapshot = try SnapshotSavingTests.snapshot(mode)
      for socket in [false, true] {
        let (reading, writing) = try Stream.pair(socket: socket)
        let reader = Thread {
          _ = try? reading.read(100_000)
          reading.close()
        }
        reader.start()
        do {
          try snapshot.write(to: writing.descriptor)
          Issue.record("Nobody read, and nothing was thrown.")
        } catch let error as SnapshotError {
          #expect(error.code == .writeFailed)
          #expect(error.errno == .brokenPipe || error.errno == .connectionReset)
          #expect(try #require(error.bytesWritten) >= 100_000)
          #expect(try #require(error.bytesWritten) < snapshot.byteCount)
        }
      }
    }
  }

  @Test(
    "A device that is full is an error that says that nothing was written",
    arguments: RegionMode.tested)
  func fullDevice(_ mode: RegionMode) throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let device = unsafe try FileDescriptor.open("/dev/full", .writeOnly)
    defer { try? device.close() }
    let error = #expect(throws: SnapshotError.self) { try snapshot.write(to: device) }
    #expect(error?.code == .writeFailed)
    #expect(error?.errno == .noSpace)
    #expect(error?.bytesWritten == 0)
    #expect(try snapshot.bytes(in: 3 * pageSize..<3 * pageSize + 1) == [0x33])
  }

  @Test(
    "A file that may not grow says how many bytes it holds, and they are right",
    arguments: RegionMode.tested)
  func fileSizeLimit(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      signal(SIGXFSZ, SIG_IGN)
      let snapshot = try SnapshotSavingTests.snapshot(mode)
      let file = try TemporaryFile()
      let most = 4 * pageSize + 100
      var limit = rlimit(rlim_cur: rlim_t(most), rlim_max: .max)
      #expect(unsafe setrlimit(.init(RLIMIT_FSIZE.rawValue), &limit) == 0)
      let error = #expect(throws: SnapshotError.self) { try snapshot.write(to: file.descriptor) }
      #expect(error?.code == .writeFailed)
      #expect(error?.errno == .fileTooLarge)
      let written = try #require(error?.bytesWritten)
      #expect(written == most)
      #expect(areEqual(try file.read(0, written), Array(SnapshotSavingTests.expected[..<written])))
    }
  }

  @Test("Signals that interrupt a write change nothing", arguments: RegionMode.tested)
  func interrupted(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      // Without SA_RESTART, a blocked write(2) returns EINTR or what it has written so far.
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in }
      #expect(unsafe sigaction(SIGUSR1, &action, nil) == 0)
      let snapshot = try SnapshotSavingTests.snapshot(mode)
      let (reading, writing) = try Stream.pair(socket: false)
      let writer = Shared(UInt(0))
      let isRead = Shared(false)
      let received = startThread {
        // Each part is read only after the blocked writer has had its signal.
        var all: [UInt8] = []
        while true {
          let thread = writer.value.load(ordering: .acquiring)
          if thread != 0 { pthread_kill(pthread_t(thread), SIGUSR1) }
          let part = try reading.read(20_000)
          if part.isEmpty {
            isRead.set()
            return all
          }
          all += part
        }
      }
      try await onThread {
        writer.value.store(UInt(pthread_self()), ordering: .releasing)
        try snapshot.write(to: writing.descriptor)
        writing.close()
        // The thread must be there for as long as it may be signalled.
        while !isRead.isSet { yieldThread() }
      }
      #expect(areEqual(try await received.value, SnapshotSavingTests.expected))
    }
  }

  @Test(
    "A descriptor that is closed or open for reading only is an error",
    arguments: RegionMode.tested)
  func unwritable(_ mode: RegionMode) throws {
    let snapshot = try SnapshotSavingTests.snapshot(mode)
    let device = unsafe try FileDescriptor.open("/dev/null", .readOnly)
    defer { try? device.close() }
    for descriptor in [device, FileDescriptor(rawValue: -1)] {
      let error = #expect(throws: SnapshotError.self) { try snapshot.write(to: descriptor) }
      #expect(error?.errno == .badFileDescriptor)
      #expect(error?.bytesWritten == 0)
    }
  }

  /// A snapshot of 40 MiB, with data at the start of each MiB.
  private static func large(_ mode: RegionMode) throws -> MemorySnapshot {
    let region = try MemoryRegion(pages: (40 << 20) / pageSize, mode)
    for start in stride(from: 0, to: region.byteCount, by: 1 << 20) { region.store(7, at: start) }
    return try region.makeSnapshot()
  }

  @Test(
    "Stopped by its closure, a save is cancelled, and says how many bytes are good",
    arguments: RegionMode.tested, Channel.allCases.map(Optional.some) + [nil])
  func cancelled(_ mode: RegionMode, _ channel: Channel?) async throws {
    let snapshot = try SnapshotSavingTests.large(mode)
    let good = 32 << 20
    func stop(_ written: Int) throws { if written >= good { throw CancellationError() } }
    var saved: [UInt8]
    let error: SnapshotError?
    if let channel {
      let (reading, writing) = try Stream.pair(socket: channel == .socket)
      let bytes = startThread { try reading.readAll() }
      error = #expect(throws: SnapshotError.self) {
        try snapshot.write(to: writing.descriptor, progress: stop)
      }
      writing.close()
      saved = try await bytes.value
    } else {
      let file = try TemporaryFile([UInt8](repeating: 0xff, count: good / 2))
      try file.descriptor.seek(offset: 0, from: .start)
      error = #expect(throws: SnapshotError.self) {
        try snapshot.write(to: file.descriptor, progress: stop)
      }
      saved = try file.read(0, snapshot.byteCount)
      #expect(try file.offset() == good)
    }
    #expect(error?.code == .cancelled)
    #expect(error?.message.contains("CancellationError") == true)
    #expect(error?.bytesWritten == good)
    #expect(areEqual(saved, try snapshot.bytes(in: 0..<good)))
  }

  @Test("Stopped by its closure, consuming is cancelled too", arguments: RegionMode.tested)
  func consumingCancelled(_ mode: RegionMode) throws {
    let snapshot = try SnapshotSavingTests.large(mode)
    let expected = try snapshot.bytes(in: 0..<16 << 20)
    let file = try TemporaryFile()
    let error = #expect(throws: SnapshotError.self) {
      try snapshot.consume(to: file.descriptor) { _ in throw CancellationError() }
    }
    #expect(error?.code == .cancelled)
    #expect(error?.bytesWritten == expected.count)
    #expect(areEqual(try file.read(0, snapshot.byteCount), expected))
    #expect(snapshot.region.statistics.snapshotsLive == 0)
  }

  @Test(
    "Released half-way, a snapshot stops being written, whatever is left of it",
    arguments: RegionMode.tested)
  func releasedMeanwhile(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 1 << 14, mode)
    region.fillPages(0..<1, with: 1)
    let snapshot = try region.makeSnapshot()
    let file = try TemporaryFile()
    let error = #expect(throws: SnapshotError.self) {
      try snapshot.write(to: file.descriptor) { _ in snapshot.release() }
    }
    #expect(error?.code == .released)
    #expect(try #require(error?.bytesWritten) < snapshot.byteCount)
  }
}
