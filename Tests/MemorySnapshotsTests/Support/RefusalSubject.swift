import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// A region with a past: two snapshots that live, and what they and the region must hold. Operations
/// are made on it while system calls fail.
final class RefusalSubject {
  static let pages = 24
  let mode: RegionMode
  private(set) var region: MemoryRegion?
  private(set) var older: MemorySnapshot?
  private(set) var newer: MemorySnapshot?
  private let olderContent: [UInt8]
  private let newerContent: [UInt8]
  /// What the region holds.
  private(set) var content: [UInt8]

  init(_ mode: RegionMode, hasOwnHandler: Bool = false) throws {
    self.mode = mode
    let region = try MemoryRegion(pages: Self.pages, mode) { $0.hasOwnHandler = hasOwnHandler }
    // The last pages stay a hole.
    region.fillPages(0..<20, with: 1)
    older = try region.makeSnapshot()
    olderContent = Self.content([(0..<20, 1)])
    region.fillPages(0..<8, with: 2)
    newer = try region.makeSnapshot()
    newerContent = Self.content([(0..<20, 1), (0..<8, 2)])
    region.fillPages(4..<6, with: 3)
    content = Self.content([(0..<20, 1), (0..<8, 2), (4..<6, 3)])
    self.region = region
  }

  private static func content(_ fills: [(pages: Range<Int>, byte: UInt8)]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: pages * pageSize)
    for fill in fills { Self.fill(&bytes, fill.pages, with: fill.byte) }
    return bytes
  }

  private static func fill(_ bytes: inout [UInt8], _ pages: Range<Int>, with byte: UInt8) {
    let start = pages.lowerBound * pageSize
    _ = unsafe bytes.withUnsafeMutableBytes {
      unsafe memset($0.baseAddress.unsafelyUnwrapped + start, Int32(byte), pages.count * pageSize)
    }
  }

  // MARK: - Operations

  /// Writes to pages, and takes note of it.
  func write(_ pages: Range<Int>, _ byte: UInt8) {
    region?.fillPages(pages, with: byte)
    Self.fill(&content, pages, with: byte)
  }

  func discard(_ pages: Range<Int>) throws {
    try region?.discard(pages.lowerBound * pageSize..<pages.upperBound * pageSize)
    Self.fill(&content, pages, with: 0)
  }

  func restore() throws {
    guard let older else { return }
    try region?.restore(to: older)
    content = olderContent
  }

  func readOlder() throws {
    let bytes = try older?.bytes(in: 0..<olderContent.count)
    #expect(areEqual(bytes ?? [], olderContent))
  }

  func viewOlder() throws {
    guard let older else { return }
    let view = try older.makeView()
    try expect(view, isOf: older)
    // While the view is open, its pages are copied before they change.
    write(10..<14, 7)
    try expect(view, isOf: older)
  }

  /// A view that was handed out cannot be taken back: one that is wrong is of a snapshot that says so.
  private func expect(_ view: SnapshotView, isOf older: MemorySnapshot) throws {
    if areEqual(view.bytes(in: 0..<olderContent.count), olderContent) { return }
    _ = try older.bytes(in: 0..<olderContent.count)
    Issue.record("a view is wrong, and its snapshot is not void")
  }

  /// Writes the newer snapshot to a file that holds something else, so that holes are punched.
  func save(consuming: Bool) throws {
    let file = try TemporaryFile([UInt8](repeating: 0xee, count: 22 * pageSize))
    _ = try file.descriptor.seek(offset: 0, from: .start)
    if consuming {
      defer { newer = nil }
      try newer?.consume(to: file.descriptor)
    } else {
      try newer?.write(to: file.descriptor)
    }
    #expect(areEqual(try file.read(0, newerContent.count), newerContent))
    #expect(try file.offset() == newerContent.count)
  }

  /// Writes the newer snapshot to a pipe that does not block, and is read when it is full.
  func saveToPipe() throws {
    let (reading, writing) = try Stream.pair(socket: false)
    writing.doNotBlock()
    let outcome = Shared(0)
    let expected = newerContent
    let reader = Thread {
      let bytes = (try? reading.readAll()) ?? []
      outcome.advance(to: areEqual(bytes, expected) ? 1 : 2)
    }
    reader.start()
    defer {
      writing.close()
      while outcome.now == 0 { yieldThread() }
    }
    try newer?.write(to: writing.descriptor)
    writing.close()
    while outcome.now == 0 { yieldThread() }
    #expect(outcome.now == 1)
  }

  func consumeByClosure() throws {
    defer { newer = nil }
    var bytes: [UInt8] = []
    try unsafe newer?.handOut { part, _ in unsafe bytes.append(contentsOf: part) }
    #expect(areEqual(bytes, newerContent))
  }

  func releaseOlder() { older = nil }

  /// Lets go of all of it.
  func letGo() {
    older = nil
    newer = nil
    region = nil
  }

  /// Makes a snapshot, and keeps it from what is written afterwards.
  func snapshot() throws {
    guard let region else { return }
    // Pages that are written to in one interval after another.
    write(0..<8, 4)
    let first = try region.makeSnapshot()
    let expected = content
    write(0..<8, 5)
    let second = try region.makeSnapshot()
    let next = content
    write(0..<8, 6)
    #expect(areEqual(try first.bytes(in: 0..<expected.count), expected))
    #expect(areEqual(try second.bytes(in: 0..<next.count), next))
    let changes = try region.changedRanges(since: first)
    #expect(MemorySnapshotsTests.pages(of: changes).isSuperset(of: 0..<8))
  }

  // MARK: - Afterwards

  /// What is wrong now that calls succeed again, if anything. `mayLose`: protection.
  func check(mayLose: Bool) throws {
    guard let region else { return }
    #expect(areEqual(region.bytes(in: 0..<content.count), content), "the region itself")
    for (snapshot, expected) in [(older, olderContent), (newer, newerContent)] {
      guard let snapshot else { continue }
      try tolerate(mayLose) {
        let bytes = try snapshot.bytes(in: 0..<expected.count)
        #expect(areEqual(bytes, expected), "a snapshot")
      }
    }
    try tolerate(mayLose) { try checkUse(region) }
    if mayLose, !region.isProtected { return }
    // Every page can be written to, protected or not, also by a system call.
    write(0..<Self.pages, 8)
    #expect(areEqual(region.bytes(in: 0..<content.count), content), "the region itself")
  }

  private func checkUse(_ region: MemoryRegion) throws {
    let snapshot = try region.makeSnapshot()
    let expected = content
    write(0..<Self.pages, 0x71)
    #expect(areEqual(try snapshot.bytes(in: 0..<expected.count), expected), "a snapshot afterwards")
    let view = try snapshot.makeView()
    #expect(areEqual(view.bytes(in: 0..<expected.count), expected), "a view afterwards")
    try region.restore(to: snapshot)
    content = expected
    #expect(areEqual(region.bytes(in: 0..<expected.count), expected), "a restore afterwards")
  }

  private func tolerate(_ mayLose: Bool, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as SnapshotError where error.code == .invalidated {
      // The keeper had no memory for pre-images.
    } catch let error as SnapshotError where error.code == .protectionLost && mayLose {
    }
  }
}

extension MemoryRegion {
  fileprivate var isProtected: Bool {
    (try? makeSnapshot()) != nil
  }
}
