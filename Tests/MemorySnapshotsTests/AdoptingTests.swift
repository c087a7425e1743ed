import CTestSupport
import Foundation
import MemorySnapshots
import SystemPackage
import Testing

@Suite("MemoryRegion(adopting:)", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct AdoptingTests {
  enum Kind: CaseIterable { case anonymous, aligned, sharedAnonymous, memoryFile, posixShared }

  private static let pageCount = 32

  /// What the memory is made of is the application's choice: the mode's backing has no effect.
  @Test(
    "Memory that the application mapped is protected like any other",
    arguments: Kind.allCases, RegionMode.tested(.anonymous))
  func adopts(_ kind: Kind, _ mode: RegionMode) async throws {
    let memory = try TestMapping(kind, pages: AdoptingTests.pageCount)
    var region: MemoryRegion? = try unsafe MemoryRegion(
      adopting: memory.buffer, options: mode.options)
    if let region {
      region.fillPages(0..<16, with: 1)
      let snapshot = try region.makeSnapshot()
      let view = try snapshot.makeView()
      try await onThread { region.fillPages(8..<24, with: 2) }
      try region.discard(0..<pageSize)
      let expected = (0..<region.byteCount).map { $0 < 16 * pageSize ? UInt8(1) : 0 }
      #expect(areEqual(try snapshot.bytes(in: 0..<region.byteCount), expected))
      #expect(areEqual(view.bytes(in: 0..<region.byteCount), expected))
      #expect(try pages(of: region.changedRanges(since: snapshot)) == Set([0] + (8..<24)))
      let later = try region.makeSnapshot()
      try region.restore(to: snapshot)
      #expect(areEqual(region.bytes(in: 0..<region.byteCount), expected))
      #expect(try later.bytes(in: 20 * pageSize..<20 * pageSize + 1) == [2])
      let file = try TemporaryFile()
      try snapshot.write(to: file.descriptor)
      #expect(areEqual(try file.read(0, region.byteCount), expected))
    }
    // The memory stays the application's when the region goes, and can be adopted again.
    region = nil
    unsafe memory.buffer.storeBytes(of: 3, toByteOffset: 5 * pageSize, as: UInt8.self)
    #expect(unsafe memory.buffer[5 * pageSize] == 3)
    #expect(unsafe memory.buffer[6 * pageSize] == 1)
    let again = try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
    let snapshot = try again.makeSnapshot()
    again.set(5, to: 4)
    #expect(try snapshot.word(ofPage: 5) & 0xff == 3)
  }

  /// A buffer over several mappings, for each of which the application has said something else.
  @Test("What the application has said about forking and merging holds again afterwards")
  func adviceIsKept() throws {
    let memory = try TestMapping(.anonymous, pages: 8)
    let base = unsafe try #require(unsafe memory.buffer.baseAddress)
    #expect(unsafe madvise(base + 2 * pageSize, 2 * pageSize, MADV_DONTFORK) == 0)
    let canMerge = unsafe madvise(base + 5 * pageSize, pageSize, MADV_MERGEABLE) == 0
    let before = unsafe AdoptingTests.flags(memory.buffer)
    #expect(before.map { $0.contains("dc") } == (0..<8).map { (2..<4).contains($0) })
    #expect(before.map { $0.contains("mg") } == (0..<8).map { $0 == 5 && canMerge })
    // The whole, and a part that begins and ends within a mapping of its own.
    for pages in [0..<8, 1..<6] {
      let part = unsafe UnsafeMutableRawBufferPointer(
        rebasing: memory.buffer[pages.lowerBound * pageSize..<pages.upperBound * pageSize])
      var region: MemoryRegion? = unsafe try MemoryRegion(adopting: part)
      _ = try region?.makeSnapshot()
      let meanwhile = unsafe AdoptingTests.flags(memory.buffer)
      for page in pages {
        #expect(meanwhile[page].contains("dc"))
        #expect(!meanwhile[page].contains("mg"))
      }
      // A second region is refused, and changes nothing either.
      #expect(unsafe AdoptingTests.refusal(of: part)?.code == .unprotectableMapping)
      #expect(unsafe AdoptingTests.flags(memory.buffer) == meanwhile)
      region = nil
      #expect(unsafe AdoptingTests.flags(memory.buffer) == before)
    }
  }

  /// What /proc/self/smaps says about each page (VmFlags), but for what the registration adds.
  private static func flags(_ buffer: UnsafeMutableRawBufferPointer) -> [Set<Substring>] {
    var flags = [Set<Substring>](repeating: [], count: buffer.count / pageSize)
    let base = UInt(bitPattern: buffer.baseAddress)
    var current: Range<UInt> = 0..<0
    for line in kernelFile("/proc/self/smaps").split(separator: "\n") {
      if line.hasPrefix("VmFlags:") {
        for page in flags.indices where current.contains(base + UInt(page * pageSize)) {
          flags[page] = Set(line.dropFirst(8).split(separator: " ")).intersection(["dc", "mg"])
        }
      } else if let bounds = line.split(separator: " ").first?.split(separator: "-"),
        bounds.count == 2, let start = UInt(bounds[0], radix: 16),
        let end = UInt(bounds[1], radix: 16)
      {
        current = start..<end
      }
    }
    return flags
  }

  private static func refusal(
    of buffer: UnsafeMutableRawBufferPointer
  ) -> (code: SnapshotError.Code, message: String)? {
    do {
      _ = try unsafe MemoryRegion(adopting: buffer)
      return nil
    } catch {
      return (error.code, error.message)
    }
  }

  @Test("A mapping of a file is refused, and the message names it")
  func file() throws {
    let file = try TemporaryFile([UInt8](repeating: 1, count: 2 * pageSize))
    for flags in [MAP_SHARED, MAP_PRIVATE] {
      let memory = try TestMapping(flags: flags, file: file.descriptor, pages: 2)
      let refusal = unsafe AdoptingTests.refusal(of: memory.buffer)
      #expect(refusal?.code == .unprotectableMapping)
      #expect(refusal?.message.contains("snapshot-test") == true)
    }
  }

  /// In a process of its own: a hole in the address space is soon filled by others.
  @Test("Memory that cannot be written to, or is not there, is refused")
  func protectionAndHoles() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let memory = try TestMapping(.anonymous, pages: 4)
      let base = unsafe try #require(unsafe memory.buffer.baseAddress)
      #expect(unsafe mprotect(base + pageSize, pageSize, PROT_READ) == 0)
      #expect(unsafe AdoptingTests.refusal(of: memory.buffer)?.code == .unprotectableMapping)
      #expect(unsafe munmap(base + pageSize, pageSize) == 0)
      #expect(unsafe AdoptingTests.refusal(of: memory.buffer)?.code == .unprotectableMapping)
      let page = unsafe UnsafeMutableRawBufferPointer(start: base, count: pageSize)
      #expect(unsafe AdoptingTests.refusal(of: page) == nil)
    }
  }

  @Test("Memory that is private in one part and shared in another is refused")
  func mixed() throws {
    let memory = try TestMapping(.anonymous, pages: 4)
    let base = unsafe try #require(unsafe memory.buffer.baseAddress)
    let shared = unsafe mmap(
      base + 2 * pageSize, 2 * pageSize, PROT_READ | PROT_WRITE,
      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
    try #require(unsafe shared == base + 2 * pageSize)
    let refusal = unsafe AdoptingTests.refusal(of: memory.buffer)
    #expect(refusal?.code == .unprotectableMapping)
    #expect(refusal?.message.contains("private memory in one part") == true)
  }

  /// What a ring buffer does to need no wrapping.
  @Test("A buffer that maps the same pages twice is refused, one that maps others of a file is not")
  func mappedTwice() throws {
    let memory = try TestMapping(.anonymous, pages: 4)
    let base = unsafe try #require(unsafe memory.buffer.baseAddress)
    let file = FileDescriptor(rawValue: test_support_create_memory_file())
    defer { try? file.close() }
    try #require(ftruncate(file.rawValue, 8 * pageSize) == 0)
    // Pages of the file that the buffer's two halves begin at.
    for (first, second, isFit) in [
      (0, 0, false), (0, 1, false), (3, 2, false), (0, 2, true), (6, 0, true),
    ] {
      for (half, page) in [(0, first), (1, second)] {
        let place = unsafe base + 2 * half * pageSize
        let mapped = unsafe mmap(
          place, 2 * pageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.rawValue,
          page * pageSize)
        try #require(unsafe mapped == place)
      }
      let refusal = unsafe AdoptingTests.refusal(of: memory.buffer)
      #expect(refusal?.code == (isFit ? nil : .unprotectableMapping), "\(first), \(second)")
      #expect(isFit || refusal?.message.contains("same pages") == true)
    }
    // The two halves are of the same pages; one page of each, side by side, is not.
    for half in 0..<2 {
      let place = unsafe base + 2 * half * pageSize
      let mapped = unsafe mmap(
        place, 2 * pageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.rawValue, 0)
      try #require(unsafe mapped == place)
    }
    let middle = unsafe UnsafeMutableRawBufferPointer(
      start: base + pageSize, count: 2 * pageSize)
    #expect(unsafe AdoptingTests.refusal(of: middle) == nil)
  }

  @Test("A buffer that is empty, unaligned, or wraps around is refused")
  func arguments() throws {
    let memory = try TestMapping(.anonymous, pages: 4)
    let base = unsafe try #require(unsafe memory.buffer.baseAddress)
    let last = UInt.max - UInt(pageSize) + 1
    let buffers = unsafe [
      UnsafeMutableRawBufferPointer(start: nil, count: 0),
      UnsafeMutableRawBufferPointer(start: base, count: 0),
      UnsafeMutableRawBufferPointer(start: base + 8, count: pageSize),
      UnsafeMutableRawBufferPointer(start: base, count: pageSize + 8),
    ]
    for index in unsafe buffers.indices {
      #expect(unsafe AdoptingTests.refusal(of: buffers[index])?.code == .invalidArgument)
    }
    let wrapping = unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: last), count: 2 * pageSize)
    #expect(unsafe AdoptingTests.refusal(of: wrapping)?.code == .invalidArgument)
  }

  @Test("Memory that is part of a region already is refused, and that region goes on")
  func registeredTwice() throws {
    let memory = try TestMapping(.anonymous, pages: 4)
    let region = try unsafe MemoryRegion(adopting: memory.buffer)
    let half = unsafe UnsafeMutableRawBufferPointer(rebasing: memory.buffer[..<(2 * pageSize)])
    #expect(unsafe AdoptingTests.refusal(of: half)?.code == .unprotectableMapping)
    let snapshot = try region.makeSnapshot()
    region.set(0, to: 1)
    #expect(try snapshot.word(ofPage: 0) == 0)
  }

  @Test(
    "Threads that go on writing while the region of their memory is let go of take no harm",
    arguments: RegionMode.tested(.anonymous))
  func letGoMeanwhile(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let memory = try TestMapping(.anonymous, pages: 8)
      let stop = Shared(false)
      try await onThreads(4) { index in
        defer { stop.set() }
        if index > 0 {
          var value: UInt64 = 0
          while !stop.isSet {
            value += 1
            let page = Int(value) % 8
            unsafe memory.buffer.storeBytes(
              of: value, toByteOffset: page * pageSize + 8 * index, as: UInt64.self)
          }
        } else {
          // It keeps the threads that all share, which take long to start where all are busy.
          let other = try MemoryRegion(pages: 1)
          defer { withExtendedLifetime(other) {} }
          for _ in 0..<(runsLongTests ? 500 : 100) {
            let region = try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
            _ = try region.makeSnapshot()
          }
        }
      }
    }
  }
}
