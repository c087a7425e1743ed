import Foundation
import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("Blocks, statistics and C functions")
struct BlockTests {
  @Test("A block that is resized keeps its content and gets the alignment that is asked for")
  func alignment() throws {
    var generator = SeededGenerator(seed: 21)
    var heap = try RegionHeap(byteCount: 4 << 20)
    let sizes = [1, 16, 100, 3000, 7168, 7169, 40_000]
    var blocks: [Int] = []
    for _ in 0..<400 {
      let count = sizes.randomElement(using: &generator) ?? 1
      let offset = try heap.allocate(byteCount: count, alignment: 16)
      heap.withByte(at: offset) { $0 = 7 }
      let alignment = 1 << Int.random(in: 4...14, using: &generator)
      let larger = sizes.randomElement(using: &generator) ?? 1
      let moved = try heap.reallocate(offset, byteCount: larger, alignment: alignment)
      let room = heap.usableSize(of: moved)
      #expect(moved % alignment == 0 && room >= larger)
      let first = heap.bytes(in: moved..<moved + 1).unsafeFirst
      #expect(first == 7)
      blocks.append(moved)
      if blocks.count > 20 {
        heap.deallocate(blocks.remove(at: Int.random(in: blocks.indices, using: &generator)))
      }
    }
    try heap.checkConsistency()
    for offset in blocks { heap.deallocate(offset) }
    #expect(heap.statistics.largeBlocks == 0)
    try heap.checkConsistency()
  }

  struct Missing: Error {}

  @Test("A size or an alignment that is none stops the process with a sentence", arguments: 0..<4)
  func nonsense(which: Int) async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [which] in
      var heap = try RegionHeap(byteCount: 1 << 20)
      let offset = try heap.allocate(byteCount: 10)
      switch which {
      case 0: _ = try heap.allocate(byteCount: -1)
      case 1: _ = try heap.allocate(byteCount: 8, alignment: 24)
      case 2: _ = try heap.reallocate(offset, byteCount: -5)
      default: _ = try heap.reallocate(offset, byteCount: 8, alignment: 0)
      }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("are no block"), "\(which): \(text)")
  }

  @Test("Statistics count what is in use, by size, and the largest block that there is room for")
  func statistics() throws {
    var heap = try RegionHeap(byteCount: 4 << 20)
    let empty = heap.statistics
    #expect(empty.byteCount == 4 << 20 && empty.largeBlocks == 0 && empty.containers == 1)
    var blocks: [Int] = []
    for _ in 0..<100 { blocks.append(try heap.allocate(byteCount: 100)) }
    for _ in 0..<3 { blocks.append(try heap.allocate(byteCount: 10_000)) }
    let full = heap.statistics
    let ofSize = try #require(full.sizeClasses.first { $0.byteCount == 112 })
    #expect(ofSize.blocks == 100 && ofSize.freeBlocks < 40)
    #expect(full.largeBlocks == 3)
    #expect(full.bytesInUse - empty.bytesInUse == 100 * 112 + 3 * 12_288)
    #expect(full.bytesInUse + full.bytesFree + full.tableBytes <= full.byteCount)
    let pages = full.pagesTouched - empty.pagesTouched
    #expect(pages == 9 + 3, "a hundred blocks in slabs of \(pages - 9) pages")
    for offset in blocks.dropFirst(2) { heap.deallocate(offset) }
    let sparse = heap.statistics
    #expect(sparse.sizeClasses.first { $0.byteCount == 112 }?.blocks == 2)
    #expect(throws: RegionHeapError.self) { try heap.allocate(byteCount: sparse.largestFree + 1) }
    let largest = try heap.allocate(byteCount: sparse.largestFree)
    #expect(heap.statistics.largestFree < sparse.largestFree)
    heap.deallocate(largest)
    // Pages that were given back count as touched no more.
    heap.giveBackFreePages()
    #expect(heap.statistics.pagesTouched < full.pagesTouched)
    try heap.checkConsistency()
  }

  @Test("Memory is used as the heap fills and given back as it empties", arguments: HeapMode.all)
  func residency(mode: HeapMode) throws {
    var heap = try RegionHeap(byteCount: 64 << 20, options: mode.options)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    let empty = residentPages(heap)
    #expect(empty < 2000, "an empty heap of 16,384 pages")
    try heap[numbers].append(contentsOf: Array(0..<4_000_000).span)
    let full = residentPages(heap)
    #expect(full > 7800)
    heap.remove(numbers)
    heap.giveBackFreePages()
    let emptied = residentPages(heap)
    #expect(emptied < 2000)
  }

  /// How many of the heap's pages of 4096 bytes are in memory. The call is `mincore(2)`.
  private func residentPages(_ heap: borrowing RegionHeap) -> Int {
    let pageSize = sysconf(Int32(_SC_PAGESIZE))
    var pages = [UInt8](repeating: 0, count: heap.region.byteCount / pageSize)
    let status = unsafe mincore(heap.region.baseAddress, heap.region.byteCount, &pages)
    #expect(status == 0)
    return pages.count { $0 & 1 != 0 } * (pageSize / 4096)
  }

  @Test("malloc, calloc, realloc, free and the usable size, as C has them")
  func functions() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let context = unsafe heap.mallocContext
    guard let first = unsafe RegionMalloc.allocate(context, 100) else { throw Missing() }
    #expect(UInt(bitPattern: first) % 16 == 0)
    #expect(unsafe RegionMalloc.usableSize(context, first) >= 100)
    unsafe first.initializeMemory(as: UInt8.self, repeating: 9, count: 100)
    let past = try heap.makeSnapshot()
    // Its content moves with it; the old block is used again, and calloc's zeros are zeros.
    guard let moved = unsafe RegionMalloc.reallocate(context, first, 9000) else { throw Missing() }
    #expect(unsafe moved.loadUnaligned(fromByteOffset: 99, as: UInt8.self) == 9)
    unsafe RegionMalloc.free(context, moved)
    for _ in 0..<3 {
      guard let dirty = unsafe RegionMalloc.allocate(context, 96) else { throw Missing() }
      unsafe dirty.initializeMemory(as: UInt8.self, repeating: 255, count: 96)
      unsafe RegionMalloc.free(context, dirty)
      guard let zeros = unsafe RegionMalloc.allocateZeroed(context, 12, 8) else { throw Missing() }
      let bytes = unsafe UnsafeRawBufferPointer(start: zeros, count: 96)
      #expect(unsafe bytes.allSatisfy { $0 == 0 })
      unsafe RegionMalloc.free(context, zeros)
    }
    #expect(unsafe RegionMalloc.allocateZeroed(context, .max / 2, 4) == nil)
    #expect(unsafe RegionMalloc.allocate(context, 2 << 20) == nil)
    #expect(unsafe RegionMalloc.allocate(context, -1) == nil)
    guard let kept = unsafe RegionMalloc.reallocate(context, nil, 50) else { throw Missing() }
    #expect(unsafe RegionMalloc.reallocate(context, kept, 2 << 20) == nil)
    #expect(unsafe RegionMalloc.usableSize(context, kept) >= 50)
    #expect(unsafe RegionMalloc.reallocate(context, kept, 0) == nil)
    unsafe RegionMalloc.free(context, nil)
    #expect(unsafe RegionMalloc.usableSize(context, nil) == 0)
    // The pointer is the same after the roll-back, and so is what it points to.
    try heap.restore(to: past)
    #expect(unsafe first.loadUnaligned(fromByteOffset: 50, as: UInt8.self) == 9)
    #expect(unsafe RegionMalloc.usableSize(context, first) >= 100)
    try heap.checkConsistency()
  }

  @Test("A pointer that is none of the heap's stops the process with a sentence")
  func foreign() async {
    await #expect(processExitsWith: .failure) {
      let heap = try RegionHeap(byteCount: 1 << 20)
      unsafe RegionMalloc.free(heap.mallocContext, malloc(16))
    }
    await #expect(processExitsWith: .failure) {
      unsafe RegionMalloc.free(nil, malloc(16))
    }
  }
}

extension RegionHeap {
  fileprivate mutating func withByte(at offset: Int, _ body: (inout UInt8) -> Void) {
    var span = mutableBytes(in: offset..<offset + 1)
    var byte = unsafe span.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
    body(&byte)
    span.storeBytes(of: byte, toByteOffset: 0, as: UInt8.self)
  }
}

extension RawSpan {
  fileprivate var unsafeFirst: UInt8 { unsafe unsafeLoad(fromByteOffset: 0, as: UInt8.self) }
}
