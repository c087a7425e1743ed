import CTestSupport
import Foundation
@testable import MemorySnapshots
import SystemPackage
import Testing

/// Hazards 4 and 9: what the kernel answers, and what it does behind the page table's back.
@Suite("Hazards of the kernel", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct HazardKernelTests {
  /// UFFDIO_COPY answers EEXIST where the page that it is to fill is there, EAGAIN where a later one
  /// of the run is: readers that go through the view each from another page on meet both. The other
  /// EAGAIN, while mappings change, takes events that the library does not ask for; ESRCH takes a
  /// process that ends, as in `HostileSurroundingsTests`.
  @Test(
    "Hazard 4: readers of a view go on where the kernel answers EEXIST or EAGAIN",
    arguments: RegionMode.tested(.anonymous))
  func pagesThatExist(_ mode: RegionMode) async throws {
    let pages = 512
    let region = try MemoryRegion(pages: pages, mode)
    for page in 0..<pages { region[page] = UInt64(page + 1) }
    for _ in 0..<8 {
      let snapshot = try region.makeSnapshot()
      let view = try snapshot.makeView()
      let barrier = Barrier(4)
      try await onThreads(5) { index in
        if index == 4 {
          for page in 0..<pages { region[page] = UInt64(page + 1) }
        } else {
          barrier.wait()
          let order = (0..<pages).map { (index % 2 == 0 ? $0 : pages - 1 - $0) + index * 7 }
          #expect(order.allSatisfy { view.word(ofPage: $0 % pages) == UInt64($0 % pages + 1) })
        }
      }
    }
  }

  @Test("Hazard 4: ENOENT is what the kernel answers for memory that is not registered")
  func notRegistered() throws {
    let userfault = try Userfaultfd(features: [.writeProtect])
    let memory = try TestMapping(.anonymous, pages: 1)
    let start = unsafe UInt(bitPattern: memory.buffer.baseAddress)
    let descriptor = userfault.descriptor.rawValue
    #expect(Kernel.writeProtect(descriptor, start, pageSize) == -ENOENT)
    #expect(Kernel.writeUnprotect(descriptor, start, pageSize) == -ENOENT)
    // Waking is about threads, not about memory.
    #expect(Kernel.wake(descriptor, start, pageSize) == 0)
  }

  /// A device writes to pinned pages without asking the page table. Registered with an io_uring,
  /// pages are pinned until that goes.
  @Test(
    "Hazard 9: with pages prepared before they are pinned, a device's write is not in the snapshot",
    arguments: RegionMode.tested)
  func preparedForDevice(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 4, mode)
    region.fillPages(0..<4, with: 1)
    let snapshot = try region.makeSnapshot()
    let view = try snapshot.makeView()
    try region.prepareToWrite(pageSize..<3 * pageSize)
    let ring = unsafe try makeRing(region, pages: 1..<3)
    defer { unsafe test_support_ring_free(ring) }
    try unsafe read(2, ring, region)
    #expect(region[1] == 0x0202_0202_0202_0202)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    #expect(view.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  /// The limit that the documentation states, as with fork(2). If this fails, the kernel has learnt to
  /// tell us, and the documentation is to be changed.
  @Test(
    "Hazard 9: a device's write to pages that were pinned before the snapshot is not noticed",
    arguments: RegionMode.tested)
  func unnoticed(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 4, mode)
    region.fillPages(0..<4, with: 1)
    let ring = unsafe try makeRing(region, pages: 1..<3)
    defer { unsafe test_support_ring_free(ring) }
    let snapshot = try region.makeSnapshot()
    try unsafe read(2, ring, region)
    #expect(region[1] == 0x0202_0202_0202_0202)
    #expect(try snapshot.word(ofPage: 1) == 0x0202_0202_0202_0202)
    #expect(try region.changedRanges(since: snapshot) == [])
    // The library is as it was: what it is told of is right.
    let second = try region.makeSnapshot()
    region[0] = 3
    region[1] = 3
    #expect(try second.word(ofPage: 0) == 0x0101_0101_0101_0101)
    #expect(try second.word(ofPage: 1) == 0x0202_0202_0202_0202)
  }

  private func makeRing(_ region: MemoryRegion, pages: Range<Int>) throws -> OpaquePointer {
    let start = unsafe region.baseAddress + pages.lowerBound * pageSize
    guard let ring = unsafe test_support_ring_make(start, pages.count * pageSize) else {
      let error = Errno(rawValue: errno)
      // EFAULT is none of these: the pages are open to the kernel.
      guard [.noFunction, .notPermitted, .noMemory].contains(error) else { throw error }
      try Test.cancel("no io_uring with registered memory here: \(error)")
    }
    return unsafe ring
  }

  /// Has the kernel write a page of bytes to page 1 by its pinned pages.
  private func read(_ byte: UInt8, _ ring: OpaquePointer, _ region: MemoryRegion) throws {
    let (reading, writing) = try Stream.pair(socket: false)
    try writing.write([UInt8](repeating: byte, count: pageSize))
    #expect(
      unsafe test_support_ring_read(
        ring, reading.descriptor.rawValue, region.baseAddress + pageSize, pageSize) == pageSize)
  }
}
