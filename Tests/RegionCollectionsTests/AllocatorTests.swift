import Glibc
import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("The allocator")
struct AllocatorTests {
  /// A block that the model holds: its bytes are all its tag.
  struct Block {
    var offset: Int
    var byteCount: Int
    var tag: UInt8
  }

  private static func size(_ generator: inout SeededGenerator) -> Int {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0..<12: Int.random(in: 0...200, using: &generator)
    case 12..<17: Int.random(in: 1...9000, using: &generator)
    default: Int.random(in: 1...200_000, using: &generator)
    }
  }

  private static func fill(_ block: Block, _ memory: MutableHeapMemory) {
    memory.check(block.offset, count: block.byteCount)
    unsafe memset(memory.base + block.offset, Int32(block.tag), block.byteCount)
  }

  private static func isIntact(_ block: Block, _ memory: MutableHeapMemory, count: Int) -> Bool {
    memory.check(block.offset, count: count)
    guard count > 0 else { return true }
    let start = unsafe memory.base + block.offset
    // Each byte is the next one, and the first is the tag.
    return unsafe memory.load(block.offset) == block.tag && memcmp(start, start + 1, count - 1) == 0
  }

  @Test(
    "Blocks are aligned, apart, and keep what was written", arguments: [1, 2, 3, 4] as [UInt64])
  func model(seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let heap = try RegionHeap(byteCount: 8 << 20)
    let allocator = heap.allocator
    var blocks: [Block] = []
    var refusals = 0
    for step in 0..<6_000 {
      // The heap fills and empties in turn.
      let growing = step / 1500 % 2 == 0
      if blocks.isEmpty || Int.random(in: 0..<10, using: &generator) < (growing ? 6 : 3) {
        let byteCount = AllocatorTests.size(&generator)
        let alignment = 1 << Int.random(in: 0...14, using: &generator)
        do {
          let offset = try allocator.allocate(byteCount, alignment: alignment)
          try #require(offset % alignment == 0 && offset % 16 == 0)
          try #require(allocator.usableSize(offset) >= byteCount)
          let block = Block(
            offset: offset, byteCount: byteCount, tag: UInt8(truncatingIfNeeded: step))
          AllocatorTests.fill(block, allocator.memory)
          blocks.append(block)
        } catch let error as RegionHeapError {
          try #require(error.code == .outOfMemory)
          refusals += 1
        }
      } else {
        let index = Int.random(in: blocks.indices, using: &generator)
        var block = blocks[index]
        try #require(
          AllocatorTests.isIntact(block, allocator.memory, count: block.byteCount))
        if Bool.random(using: &generator) {
          let byteCount = AllocatorTests.size(&generator)
          do {
            block.offset = try allocator.reallocate(block.offset, byteCount)
            try #require(
              AllocatorTests.isIntact(
                block, allocator.memory, count: min(byteCount, block.byteCount)))
            block.byteCount = byteCount
            AllocatorTests.fill(block, allocator.memory)
            blocks[index] = block
          } catch let error as RegionHeapError {
            try #require(error.code == .outOfMemory)
            refusals += 1
          }
        } else {
          allocator.deallocate(block.offset)
          blocks.swapAt(index, blocks.count - 1)
          blocks.removeLast()
        }
      }
      if step % 250 == 0 { try #require(allocator.walk().fault == nil) }
    }
    #expect(refusals > 0, "the heap was meant to fill up")
    for block in blocks {
      #expect(AllocatorTests.isIntact(block, allocator.memory, count: block.byteCount))
      allocator.deallocate(block.offset)
    }
    let end = allocator.walk()
    #expect(end.fault == nil)
    #expect(end.classes.enumerated().allSatisfy { $0 == SizeClass.headers || $1.blocks == 0 })
    #expect(end.runs == 0)
    // What is left are current slabs, one for each class.
    #expect(end.classes.allSatisfy { $0.slabs <= 1 })
  }

  @Test("A size's class is the smallest that holds it")
  func classes() {
    let wrong = (1...SizeClass.largest).filter { byteCount in
      let sizeClass = SizeClass.holding(byteCount)
      return SizeClass.slotSize(sizeClass) < byteCount
        || sizeClass > 0 && SizeClass.slotSize(sizeClass - 1) >= byteCount
    }
    #expect(wrong.isEmpty)
    for sizeClass in 0..<SizeClass.count {
      let size = SizeClass.slotSize(sizeClass)
      let byteCount = SizeClass.slabPages(sizeClass) * HeapLayout.pageSize
      #expect(byteCount % size * 16 <= byteCount)
      #expect(byteCount / size <= 256 && byteCount / size > 1)
    }
  }

  @Test("A full heap gives every block again that was freed, wherever it lies")
  func fullHeap() throws {
    var generator = SeededGenerator(seed: 7)
    let heap = try RegionHeap(byteCount: 1 << 20)
    let allocator = heap.allocator
    var blocks: [Int] = []
    while let offset = try? allocator.allocate(100) { blocks.append(offset) }
    #expect(blocks.count > 8000)
    // One in thirty: too few in any slab for it to be filled while there are other pages.
    var freed = 0
    for _ in 0..<blocks.count / 30 {
      let index = Int.random(in: blocks.indices, using: &generator)
      allocator.deallocate(blocks[index])
      blocks.swapAt(index, blocks.count - 1)
      blocks.removeLast()
      freed += 1
    }
    #expect(allocator.walk().fault == nil)
    for _ in 0..<freed { blocks.append(try allocator.allocate(100)) }
    #expect(Set(blocks).count == blocks.count)
    #expect(throws: RegionHeapError.self) { try allocator.allocate(100) }
    #expect(allocator.walk().fault == nil)
  }

  @Test("Frees in random order dirty the pages of the table, and new blocks lie together")
  func dirtyPages() throws {
    var generator = SeededGenerator(seed: 11)
    let heap = try RegionHeap(byteCount: 64 << 20)
    let allocator = heap.allocator
    var blocks: [Int] = []
    for _ in 0..<200_000 { blocks.append(try allocator.allocate(128)) }
    blocks.shuffle(using: &generator)
    let before = try heap.region.makeSnapshot()
    for index in 0..<1000 {
      allocator.deallocate(blocks[index])
      blocks[index] = try allocator.allocate(128)
      allocator.memory.zero(blocks[index], count: 128)
    }
    let dirty = try heap.region.changedRanges(since: before).reduce(0) { $0 + $1.count } / 4096
    // 6,400 pages of blocks have 100 pages of descriptors; 1,000 new blocks fill 32 pages.
    #expect(dirty < 150)
  }

  @Test("Pages are given back as the heap empties")
  func givingBack() throws {
    let heap = try RegionHeap(byteCount: 64 << 20)
    let allocator = heap.allocator
    var blocks: [Int] = []
    for _ in 0..<200 {
      let offset = try allocator.allocate(100_000)
      allocator.memory.zero(offset, count: 100_000)
      blocks.append(offset)
    }
    let root = AllocatorRoot(memory: allocator.memory)
    let full = root.usedPages
    for offset in blocks { allocator.deallocate(offset) }
    #expect(full > 4800)
    #expect(root.usedPages < 32)
    #expect(root.dirtyFreePages <= 256)
    let fault = allocator.walk().fault
    #expect(fault == nil)
  }

  @Test("Freeing twice, or what is no block, stops the process with a sentence")
  func misuse() async {
    await #expect(processExitsWith: .failure) {
      let heap = try RegionHeap(byteCount: 1 << 20)
      let offset = try heap.allocator.allocate(100)
      heap.allocator.deallocate(offset)
      heap.allocator.deallocate(offset)
    }
    await #expect(processExitsWith: .failure) {
      let heap = try RegionHeap(byteCount: 1 << 20)
      let offset = try heap.allocator.allocate(100)
      heap.allocator.deallocate(offset + 16)
    }
    await #expect(processExitsWith: .failure) {
      let heap = try RegionHeap(byteCount: 1 << 20)
      heap.allocator.deallocate(1 << 40)
    }
  }
}
