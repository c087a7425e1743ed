import Foundation
import ScenarioSupport
import Testing

@testable import MemoryAccounting

@Suite("FrameTable")
struct FrameTableTests {
  /// A table for the whole and so many address spaces in it.
  private func table(limit: UInt64, spaces: Int) throws -> FrameTable {
    let groups = Groups(GroupTree(parents: Array(repeating: 0, count: spaces + 1)))
    for space in 0..<spaces { #expect(groups.add([space + 1]) == space) }
    return try FrameTable(limit: limit, groups)
  }

  private func sharing(_ frame: UInt64, _ table: FrameTable) -> FrameTable.Sharing {
    var sharing = FrameTable.Sharing()
    table.look(at: frame, &sharing)
    return sharing
  }

  @Test("references are counted exactly, however many")
  func counting() throws {
    let table = try table(limit: 10_000, spaces: 1000)
    for space in 0..<1000 { table.add(5000, .shared, in: space) }
    for _ in 0..<300 { table.addRepeated(6000, [.file, .sharedMemory], in: 7) }
    table.add(1, [], in: 0)
    table.see(2, in: 0)
    #expect(table.references(to: 5000) == 1000)
    #expect(table.references(to: 6000) == 300)
    #expect(table.references(to: 1) == 1)
    #expect(table.references(to: 2) == 0)
    #expect(table.references(to: 3) == 0)
    #expect(table.sets.count() == 4)
    #expect(table.sets.count(.shared) == 1)
    #expect(table.sets.count(without: [.shared, .file]) == 2)
    table.see(2, [.file, .copyOnWrite], in: 0)
    table.see(2, [.file, .copyOnWrite], in: 0)
    #expect(table.sets.count() == 4)
    #expect(table.sets.count(.file) == 2)
    #expect(table.sets.count(.copyOnWrite) == 1)
    #expect(sharing(5000, table).isSharedHere)
    #expect(sharing(5000, table).references == 1000)
    #expect(!sharing(1, table).isSharedHere)
    #expect(sharing(6000, table).mayBeFreed)
    #expect(sharing(6000, table).isSharedMemory)
    #expect(!sharing(2, table).mayBeFreed)
  }

  @Test("what is no memory is not counted")
  func limit() throws {
    let table = try table(limit: 100, spaces: 1)
    table.see(100, in: 0)
    table.add(1 << 40, .shared, in: 0)
    #expect(table.sets.count() == 0)
    #expect(table.references(to: 1 << 40) == 0)
  }

  @Test("only stretches with references are visited")
  func stretches() throws {
    let table = try table(limit: 1 << 20, spaces: 1)
    table.see(7, in: 0)
    table.see(1 << 19, in: 0)
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
    let groups = Groups(GroupTree(parents: [0]))
    let spaces = [groups.add([0]), groups.add([0])]
    var pages = FilePages(groups)
    for page in [0, 1, 5000, 0, 5000, 4095, 4096] as [UInt64] {
      for space in spaces {
        pages.see(page: page, of: mapping(1), .file, in: space)
        pages.see(page: page, of: mapping(2), .file, in: space)
      }
    }
    #expect(pages.sets.count() == 10)
    pages.see(page: 0, of: mapping(1), [.file, .copyOnWrite], in: spaces[0])
    #expect(pages.sets.count() == 10)
    #expect(pages.sets.count(.copyOnWrite) == 1)
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
