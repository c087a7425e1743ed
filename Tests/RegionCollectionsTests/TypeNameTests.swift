import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("Types of elements, by name")
struct TypeNameTests {
  enum Bank { struct Row: BitwiseCopyable { var cents: Int64 } }
  enum Lab { struct Row: BitwiseCopyable { var celsius: Double } }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "opened"
    } catch {
      #expect((error as? RegionHeapError)?.code == .otherType)
      return "\(error)"
    }
  }

  @Test("Types of the same name in other types are others, for arrays and for dictionaries")
  func nested() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    _ = try heap.array(of: Bank.Row.self, named: "rows")
    _ = try heap.dictionary(from: Int.self, to: Bank.Row.self, named: "rows by number")
    _ = try heap.array(of: Bank.Row.self, named: "rows")
    #expect(
      message { _ = try heap.array(of: Lab.Row.self, named: "rows") }
        == "\"rows\" is an array of RegionCollectionsTests.TypeNameTests.Bank.Row, not of "
        + "RegionCollectionsTests.TypeNameTests.Lab.Row; open it as what it is, or take another name"
    )
    #expect(
      message { _ = try heap.dictionary(from: Int.self, to: Lab.Row.self, named: "rows by number") }
        .contains(
          "a dictionary of Swift.Int: RegionCollectionsTests.TypeNameTests.Bank.Row, not of"))
    let past = try heap.makeSnapshot()
    #expect(message { _ = try past.array(of: Lab.Row.self, named: "rows") } != "opened")
    _ = try past.array(of: Bank.Row.self, named: "rows")
  }

  @Test("Names of local and private types are the same in every process")
  func local() throws {
    struct Row: BitwiseCopyable { var number: Int }
    var heap = try RegionHeap(byteCount: 1 << 20)
    _ = try heap.array(of: Row.self, named: "rows")
    _ = try heap.array(of: Row.self, named: "rows")
    let type = try #require(heap.places.first?.type)
    #expect(!type.contains("$") && !type.contains("0x"), "\(type)")
    #expect(type.hasPrefix("RegionCollectionsTests.") && type.hasSuffix(".Row"), "\(type)")
  }

  /// As `Bank.Row` after it was moved.
  struct MovedRow: RegionNamed {
    static var nameInRegions: String { "RegionCollectionsTests.TypeNameTests.Bank.Row" }
    var cents: Int64
  }

  @Test("A type that was moved opens what it has made if it says what it was called")
  func moved() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let rows = try heap.array(of: Bank.Row.self, named: "rows")
    try heap[rows].append(Bank.Row(cents: 7))
    let moved = try heap.array(of: MovedRow.self, named: "rows")
    #expect(heap[moved][0].cents == 7)
    _ = try heap.dictionary(from: Int.self, to: MovedRow.self, named: "by number")
    _ = try heap.dictionary(from: Int.self, to: Bank.Row.self, named: "by number")
  }

  @Test("The message says what is different: the kind, the type, or its size")
  func messages() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let handle = try heap.array(of: Int.self, named: "x").handle
    _ = try heap.sortedTable(named: "s")
    #expect(
      message { _ = try heap.table(named: "x") }
        == "\"x\" is an array, not a table; open it as what it is, or take another name")
    #expect(
      message { _ = try heap.table(named: "s") }
        == "\"s\" is a sorted table, not a table; open it as what it is, or take another name")
    // As if Int had had another size when it was made.
    try heap.directory.insert(
      "y", handle, .array, values: ElementType(Int32.self), keys: .none, type: TypeName(Int.self),
      in: heap.allocator)
    #expect(
      message { _ = try heap.array(of: Int.self, named: "y") }
        == "\"y\" is an array of Swift.Int, which had another size or alignment when it was made; "
        + "give the new layout another name, and copy")
  }

  @Test("A heap of format 1, whose types have no qualified names, opens as before")
  func oldFormat() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let rows = try heap.makeArray(of: Bank.Row.self)
    try heap[rows].append(Bank.Row(cents: 5))
    let region = heap.region
    for version: UInt32 in [2, 1] {
      var header = heap.header
      header.version = version
      header.write(to: heap.allocator.memory)
      let old = try RegionHeap(in: region)
      let record = PlaceRecordOfFormat1(handle: rows.handle, type: "Row")
      try record.write("rows", in: old)
      var again = try RegionHeap(in: region)
      if version == 2 {
        #expect(message { _ = try again.array(of: Bank.Row.self, named: "rows") } != "opened")
      } else {
        let found = try again.array(of: Bank.Row.self, named: "rows")
        #expect(again[found][0].cents == 5)
        #expect(message { _ = try again.array(of: Int.self, named: "rows") } != "opened")
        // What is made now has its whole name.
        _ = try again.array(of: Lab.Row.self, named: "others")
        _ = try again.array(of: Lab.Row.self, named: "others")
        #expect(again.places.first?.type == "RegionCollectionsTests.TypeNameTests.Lab.Row")
      }
      try again.checkConsistency()
      _ = again.directory.remove("rows", in: again.allocator)
    }
  }
}

/// A named place as format 1 has it.
private struct PlaceRecordOfFormat1 {
  var handle: ContainerHandle
  var type: String

  func write(_ name: String, in heap: borrowing RegionHeap) throws {
    let allocator = heap.allocator
    let text = Array(name.utf8) + Array(type.utf8)
    let offset = try allocator.allocate(text.count)
    allocator.memory.copy(text, to: offset)
    var accessor = RegionArray<PlaceRecord>.Accessor(heap.directory.records, in: allocator)
    try accessor.insert(
      PlaceRecord(
        text: offset, nameCount: name.utf8.count, typeCount: type.utf8.count, handle: handle,
        kind: .array, values: ElementType(Int64.self), keys: .none), at: 0)
  }
}
