import Foundation
@testable import MemorySnapshots
import SystemPackage
import Testing

@Suite("Memory of views", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ViewMemoryTests {
  private static let one: UInt64 = 0x0101_0101_0101_0101

  struct Setup: Codable, Sendable, CustomTestStringConvertible {
    var mode: RegionMode
    /// In pages.
    var limit: Int?
    var testDescription: String {
      "\(mode.testDescription), limit: \(limit.map(String.init) ?? "none")"
    }
    static let all = RegionMode.tested(guessing: false).flatMap { mode in
      [Setup(mode: mode, limit: nil), Setup(mode: mode, limit: 256)]
    }
  }

  @Test(
    "A hundred open views cost writers two copies of a page at most, and the statistics say so",
    arguments: Setup.all)
  func manyViews(_ setup: Setup) async {
    await #expect(processExitsWith: .success) { [setup] in
      endIfHanging()
      let pages = 1024
      let region = try MemoryRegion(pages: pages, setup.mode) {
        $0.storeLimit = setup.limit.map { $0 * pageSize }
      }
      region.fillPages(0..<pages, with: 1)
      let snapshot = try region.makeSnapshot()
      let views = try (0..<100).map { _ in try snapshot.makeView() }
      let before = memoryStatus("RssAnon")
      region.fillPages(0..<pages, with: 2)
      let statistics = region.statistics
      let isShared = setup.mode.backing == .sharedMemory
      let copies = isShared && setup.limit == nil ? 2 : 1
      #expect(statistics.preservedBytes == copies * region.byteCount)
      #expect(statistics.mostPreservedBytes == copies * region.byteCount)
      #expect(statistics.pagesCopied.byViews == (isShared ? copies * pages : 0))
      // The live pages of an anonymous region are anonymous memory too, and may have been counted
      // late: per-thread counts of the kernel's are summed up now and then.
      let growth = memoryStatus("RssAnon") - before
      let slack = 12 << 20
      #expect(growth <= statistics.preservedBytes + slack, "grown by \(growth >> 20) MiB")
      #expect(!snapshot.isInvalidated)
      for view in [views[0], views[1], views[2], views[99]] {
        #expect(view.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
      }
    }
  }

  @Test(
    "Pages that readers bring into a view are counted, as many as the kernel has in it",
    arguments: RegionMode.tested(guessing: false))
  func countsResidentPages(_ mode: RegionMode) async throws {
    let pages = 300
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    let snapshot = try region.makeSnapshot()
    let first = try (0..<2).map { _ in try snapshot.makeView() }
    var view: SnapshotView? = try snapshot.makeView()
    region.fillPages(0..<pages, with: 2)
    #expect(region.statistics.residentViewBytes == 0)
    for page in [0, 130, 299, 131] {
      #expect(try #require(view).word(ofPage: page) == ViewMemoryTests.one)
    }
    let resident = try #require(view).residentPages
    #expect(resident > 3)
    // Counted after the reader was woken.
    let counted = resident * pageSize
    #expect(await eventually { region.statistics.residentViewBytes == counted })
    view = nil
    #expect(region.statistics.residentViewBytes == 0)
    withExtendedLifetime(first) {}
  }

  @Test(
    "Copies made when a view is opened count as pre-images, until it is closed",
    arguments: RegionMode.tested(guessing: false))
  func countsFilledPages(_ mode: RegionMode) throws {
    let pages = 40
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<20, with: 1)
    let snapshot = try region.makeSnapshot()
    region.fillPages(0..<pages, with: 2)
    #expect(region.statistics.preservedBytes == 20 * pageSize)
    var views = try (0..<3).map { _ in try snapshot.makeView() }
    // Two are filled, with the pages of zeros too.
    let filled = mode.backing == .sharedMemory ? 2 * pages : 0
    #expect(region.statistics.preservedBytes == (20 + filled) * pageSize)
    for view in views {
      #expect(view.word(ofPage: 19) == ViewMemoryTests.one)
      #expect(view.word(ofPage: 20) == 0)
    }
    views.removeAll()
    #expect(region.statistics.preservedBytes == 20 * pageSize)
    snapshot.release()
    #expect(region.statistics.preservedBytes == 0)
  }

  @Test(
    "With a limit, a view of a snapshot that writers have overtaken makes no second copy",
    arguments: RegionMode.tested(guessing: false))
  func noSecondCopy(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 16, mode) { $0.storeLimit = 8 * pageSize }
    region.fillPages(0..<16, with: 1)
    let older = try region.makeSnapshot()
    region.fillPages(0..<6, with: 2)
    let view = try older.makeView()
    #expect(region.statistics.preservedBytes == 6 * pageSize)
    let newer = try region.makeSnapshot()
    region.fillPages(0..<2, with: 3)
    // Within the limit, nothing is given up for the view.
    #expect(!newer.isInvalidated)
    #expect(region.statistics.preservedBytes == 8 * pageSize)
    #expect(view.word(ofPage: 0) == ViewMemoryTests.one)
    #expect(view.word(ofPage: 15) == ViewMemoryTests.one)
  }

  @Test(
    "A view says whether system calls may read from it, and they do or get EFAULT",
    arguments: RegionMode.tested)
  func systemCalls(_ mode: RegionMode) async throws {
    try await onThread {
      let pages = 8
      let region = try MemoryRegion(pages: pages, mode)
      region.fillPages(0..<pages, with: 1)
      let snapshot = try region.makeSnapshot()
      let views = try (0..<3).map { _ in try snapshot.makeView() }
      for (number, box) in views.enumerated() {
        let isCopiedByKernel = mode.backing == .sharedMemory && number < 2
        #expect(box.systemCallsMayRead == (isCopiedByKernel || mode.letsSystemCallsWrite))
        let file = try TemporaryFile()
        let count = unsafe box.withUnsafeBytes {
          unsafe write(file.descriptor.rawValue, $0.baseAddress, $0.count)
        }
        if box.systemCallsMayRead {
          #expect(count == region.byteCount)
          #expect(try file.read(pageSize, 1) == [1])
        } else {
          #expect(count == -1 && errno == EFAULT)
        }
        #expect(box.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
      }
    }
  }

  @Test("A view that is closed makes room for another that the kernel copies pages for")
  func placesAreGivenBack() throws {
    let region = try MemoryRegion(pages: 4, RegionMode(delivery: .inline))
    let snapshot = try region.makeSnapshot()
    for _ in 0..<4 {
      let views = try (0..<3).map { _ in try snapshot.makeView() }
      #expect(views.map({ $0.systemCallsMayRead }) == [true, true, false])
    }
  }

  /// With MCL_FUTURE the kernel fills each new mapping before mmap(2) returns.
  @Test(
    "Under mlockall(MCL_FUTURE) every view shows the snapshot, and takes no memory before it must",
    .enabled(if: geteuid() == 0, "locking this much memory takes root"),
    arguments: RegionMode.tested, [false, true])
  func lockedMemory(_ mode: RegionMode, adopts: Bool) async {
    #if DEBUG
      // Locking on fault may be refused.
      await #expect(processExitsWith: .success) { [mode, adopts] in
        ForcedFailure.fail([.mlock], times: .max, with: .notPermitted)
        let isPermitted = try ViewMemoryTests.checkLockedMemory(
          mode, adopts: adopts, mayFill: true)
        #expect(!isPermitted || ForcedFailure.count > 0)
      }
    #endif
    await #expect(processExitsWith: .success) { [mode, adopts] in
      _ = try ViewMemoryTests.checkLockedMemory(mode, adopts: adopts, mayFill: false)
    }
  }

  /// False if memory may not be locked here.
  private static func checkLockedMemory(
    _ mode: RegionMode, adopts: Bool, mayFill: Bool
  ) throws -> Bool {
    endIfHanging()
    guard mlockall(Int32(MCL_FUTURE)) == 0 else {
      print("mlockall(2) is not permitted here: \(Errno(rawValue: errno))")
      return false
    }
    let pages = 2048
    let memory = try TestMapping(
      mode.backing == .sharedMemory ? .memoryFile : .anonymous, pages: pages)
    let region =
      adopts
      ? try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
      : try MemoryRegion(pages: pages, mode)
    for page in 0..<pages { region[page] = UInt64(page + 1) }
    let snapshot = try region.makeSnapshot()
    for page in 0..<64 { region[page] = 0 }
    let views = try (0..<4).map { _ in try snapshot.makeView() }
    // What has changed, and what was preserved ahead of the writer.
    #expect(
      mayFill || views.allSatisfy { $0.privatePages <= 128 }, "\(views.map(\.privatePages))")
    // A reader of its own: if nobody answers its fault, the test ends by its time limit.
    for page in 64..<128 { region[page] = 0 }
    for (number, view) in views.enumerated() {
      let wrong = (0..<pages).count { view.word(ofPage: $0) != UInt64($0 + 1) }
      #expect(wrong == 0, "view \(number): \(wrong) pages wrong")
      #expect(view.isLocked)
    }
    return true
  }
}

extension SnapshotView {
  private func count(_ bit: UInt64, without: UInt64 = 0) -> Int {
    let file = unsafe open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    let (start, pages) = unsafe withUnsafeBytes {
      (UInt(bitPattern: $0.baseAddress), $0.count / pageSize)
    }
    var entries = [UInt64](repeating: 0, count: pages)
    let size = unsafe entries.withUnsafeMutableBytes {
      unsafe pread(file, $0.baseAddress, $0.count, Int(start) / pageSize * 8)
    }
    precondition(size == pages * 8)
    return entries.count { $0 & bit != 0 && $0 & without == 0 }
  }

  /// Pages that are mapped or swapped out.
  var residentPages: Int { count(3 << 62) }

  /// Those of them that are neither of a file nor shared.
  var privatePages: Int { count(3 << 62, without: 1 << 61) }

  /// Whether the mapping is locked in memory.
  var isLocked: Bool {
    let start = unsafe withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    // Neighbouring views may be one mapping.
    let lines = kernelFile("/proc/self/smaps").split(separator: "\n")
    let first = lines.firstIndex { line in
      let bounds = line.prefix { $0 != " " }.split(separator: "-")
      guard bounds.count == 2, let lower = UInt(bounds[0], radix: 16),
        let upper = UInt(bounds[1], radix: 16)
      else { return false }
      return lower <= start && start < upper
    }
    let flags = first.flatMap { lines[$0...].first { $0.hasPrefix("VmFlags:") } }
    return flags?.split(separator: " ").contains("lo") ?? false
  }
}
