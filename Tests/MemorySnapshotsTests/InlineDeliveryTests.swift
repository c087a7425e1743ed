import Foundation
import MemorySnapshots
import SnapshotStress
import Synchronization
import SystemPackage
import Testing

@Suite("Inline fault delivery", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct InlineDeliveryTests {
  @Test(
    "Many threads fault in parallel, and the snapshot stays as it was",
    arguments: RegionMode.tested(.inline))
  func parallelFaults(_ mode: RegionMode) async throws {
    let pages = 2048
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    for round in 0..<8 {
      let expected = region[0]
      let snapshot = try region.makeSnapshot()
      try await onThreads(6) { index in
        var random = SeededGenerator(seed: UInt64(index + round))
        for _ in 0..<pages { region[random.below(pages)] = UInt64(round + 2) }
        region[0] = UInt64(round + 2)
      }
      #expect(try snapshot.word(ofPage: 0) == expected)
      let view = try snapshot.makeView()
      #expect(view.word(ofPage: 0) == expected)
    }
  }

  @Test(
    "A snapshot taken while threads fault is a consistent cut",
    arguments: RegionMode.tested(.inline))
  func consistentCut(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 512, mode)
    let isDone = Shared(false)
    let writer = startThread {
      var stamp: UInt64 = 1
      while !isDone.isSet {
        // The later page is written first: a snapshot that holds the first page's stamp holds it.
        region[511] = stamp
        region[0] = stamp
        stamp += 1
      }
    }
    for _ in 0..<400 {
      let snapshot = try region.makeSnapshot()
      let last = try snapshot.word(ofPage: 511)
      let first = try snapshot.word(ofPage: 0)
      #expect(last == first || last == first + 1)
      snapshot.release()
    }
    isDone.set()
    try await writer.value
  }

  @Test(
    "A view of anonymous memory is filled in the thread that reads it",
    arguments: RegionMode.tested(.inline).filter { $0.backing == .anonymous })
  func lazyView(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 3)
    let snapshot = try region.makeSnapshot()
    let view = try snapshot.makeView()
    region.fillPages(0..<64, with: 4)
    for page in 0..<64 { #expect(view.word(ofPage: page) == 0x0303_0303_0303_0303) }
  }

  @Test(
    "A system call that writes to a protected page fails, and works once that is prepared",
    arguments: RegionMode.tested(.inline))
  func systemCalls(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 2, mode)
    region.fillPages(0..<2, with: 1)
    let snapshot = try region.makeSnapshot()
    var ends: [Int32] = [0, 0]
    unsafe #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    var byte: UInt8 = 9
    #expect(unsafe Glibc.write(ends[1], &byte, 1) == 1)
    #expect(unsafe read(ends[0], region.baseAddress, 1) == -1)
    #expect(errno == EFAULT)
    try unsafe region.withPreparedBytes(0..<1) { bytes in
      #expect(unsafe read(ends[0], bytes.baseAddress, 1) == 1)
    }
    #expect(region.bytes(in: 0..<1) == [9])
    #expect(try snapshot.bytes(in: 0..<1) == [1])
  }

  @Test(
    "A thread with a small stack and a signal stack of its own can fault",
    arguments: RegionMode.tested(.inline))
  func signalStack(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 1)
    let snapshot = try region.makeSnapshot()
    try await onThread {
      let size = 16 << 10
      let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
      var stack = unsafe stack_t(ss_sp: memory, ss_flags: 0, ss_size: size)
      guard unsafe sigaltstack(&stack, nil) == 0 else { throw POSIXError(.EINVAL) }
      for page in 0..<64 { region[page] = 2 }
      unsafe stack.ss_flags = Int32(SS_DISABLE)
      _ = unsafe sigaltstack(&stack, nil)
      unsafe memory.deallocate()
    }
    #expect(region[63] == 2)
    #expect(try snapshot.word(ofPage: 63) == 0x0101_0101_0101_0101)
  }

  @Test(
    "A SIGBUS that is not ours goes to the handler that was installed before",
    arguments: RegionMode.tested(.inline))
  func foreignSignal(_ mode: RegionMode) async {
    await #expect(processExitsWith: .exitCode(42)) { [mode] in
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in _exit(42) }
      _ = unsafe sigaction(SIGBUS, &action, nil)
      let region = try MemoryRegion(pages: 16, mode)
      let snapshot = try region.makeSnapshot()
      unsafe region.baseAddress.storeBytes(of: 1, as: UInt8.self)
      // Memory of a file that has been cut short.
      let temporary = try TemporaryFile()
      let file = temporary.descriptor.rawValue
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      guard ftruncate(file, page) == 0,
        let memory = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
        ftruncate(file, 0) == 0
      else { exit(1) }
      unsafe memory.storeBytes(of: 1, as: UInt8.self)
      snapshot.release()
    }
  }
}
