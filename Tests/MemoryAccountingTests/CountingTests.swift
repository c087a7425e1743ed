import Foundation
import ScenarioSupport
import Testing

@testable import MemoryAccounting

@Suite("ReferenceTable")
struct ReferenceTableTests {
  @Test("references are counted exactly, however many")
  func counting() throws {
    let table = try ReferenceTable(limit: 10_000)
    for _ in 0..<1000 { table.add(5000, .shared) }
    table.add(1, [])
    table.see(2)
    #expect(table.references(to: 5000) == 1000)
    #expect(table.references(to: 1) == 1)
    #expect(table.references(to: 2) == 0)
    #expect(table.references(to: 3) == 0)
    #expect(table.distinct == 3)
    #expect(table.distinctShared == 1)
    table.see(2, [.file, .copyOnWrite])
    table.see(2, [.file, .copyOnWrite])
    #expect(table.distinct == 3)
    #expect(table.distinctFile == 1)
    #expect(table.distinctCopyOnWrite == 1)
    #expect(table.isSharedHere(5000))
    #expect(!table.isSharedHere(1))
  }

  @Test("what is no memory is not counted")
  func limit() throws {
    let table = try ReferenceTable(limit: 100)
    table.see(100)
    table.add(1 << 40, .shared)
    #expect(table.distinct == 0)
    #expect(table.references(to: 1 << 40) == 0)
  }

  @Test("only stretches with references are visited")
  func stretches() throws {
    let table = try ReferenceTable(limit: 1 << 20)
    table.see(7)
    table.see(1 << 19)
    var visited: [Range<UInt64>] = []
    table.forEachStretch { visited.append($0) }
    let expected: [Range<UInt64>] = [0..<4096, 524_288..<528_384]
    #expect(visited == expected)
  }
}

@Suite("FilePages")
struct FilePagesTests {
  @Test("a page counts once for each file, in whatever order pages come")
  func distinct() {
    let mapping = { (inode: UInt64) in
      Mapping(
        range: 0..<4096, start: 0, kind: .shared, offset: 0, device: 1, inode: inode,
        permissions: 0, name: 0..<0)
    }
    var pages = FilePages()
    for page in [0, 1, 5000, 0, 5000, 4095, 4096] as [UInt64] {
      pages.insert(page: page, of: mapping(1))
      pages.insert(page: page, of: mapping(2))
    }
    #expect(pages.distinct() == 10)
    pages.insert(page: 0, of: mapping(1))
    #expect(pages.distinct() == 10)
  }
}

@Suite("CellCounts")
struct CellCountsTests {
  @Test("cells grow until they are few enough, and lose no page")
  func growing() {
    let counts = CellCounts(limit: 10)
    for page in 0..<100 as Range<UInt64> {
      counts.add(page < 50 ? .private : .shared, isProtected: false, at: page * Kernel.pageSize)
    }
    counts.store()
    #expect(counts.cells.count <= 10)
    #expect(counts.pagesPerCell == 16)
    #expect(counts.cells.values.reduce(0) { $0 + $1[.private] } == 50)
    #expect(counts.cells.values.reduce(0) { $0 + $1[.shared] } == 50)
  }
}

@Suite("MemoryFigure")
struct MemoryFigureTests {
  @Test("a sum is known as well as its worst part, and denied if any part is")
  func sums() {
    let exact = MemoryFigure(bytes: 1)
    let estimate = MemoryFigure(bytes: 2, exactness: .estimate)
    #expect(exact + exact == MemoryFigure(bytes: 2))
    #expect(exact + estimate == MemoryFigure(bytes: 3, exactness: .estimate))
    #expect(exact + .denied == .denied)
    #expect(MemoryFigure.denied.bytes == nil)
  }

  @Test("a denied figure cannot be given a number")
  func deniedNumber() async {
    await #expect(processExitsWith: .failure) {
      _ = MemoryFigure(bytes: 0, exactness: .denied)
    }
  }
}

@Suite("AddressSpace")
struct AddressSpaceTests {
  @Test("a process that exits while it is read is noticed at the next read")
  func exitWhileReading() throws {
    var scenario: Scenario? = try Scenario("fork", "100", "0", "0", "0")
    let root = try #require(scenario?.root)
    let entry = try #require(try ProcessEntry(pid: root))
    let range = try #require(scenario?.range)
    let space = try AddressSpace(entry)
    try space.open(limits: range, countsMappings: false)
    let entries = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: 100)
    defer { unsafe entries.deallocate() }
    unsafe entries.initialize(repeating: 0)
    unsafe space.read(from: range.lowerBound, into: entries)
    #expect(!space.isGone)
    #expect(unsafe entries.allSatisfy { $0 & PagemapEntry.present != 0 })
    scenario = nil
    unsafe space.read(from: range.lowerBound, into: entries)
    #expect(space.isGone)
    #expect(unsafe entries.allSatisfy { $0 == 0 })
  }

  @Test("a process that has ended cannot be opened, and is gone")
  func opened() throws {
    var scenario: Scenario? = try Scenario("fork", "10", "0", "0", "0")
    let root = try #require(scenario?.root)
    let entry = try #require(try ProcessEntry(pid: root))
    scenario = nil
    #expect(throws: AddressSpace.Obstacle.gone) { try AddressSpace(entry) }
  }
}
