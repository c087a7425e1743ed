internal import Glibc
internal import SystemPackage
internal import Synchronization

/// Equal slots of memory, in chunks that a keeper populates ahead of need: the fault path takes
/// and gives back slots and never waits for the kernel to find memory. One pool holds pre-images,
/// another the records that describe them.
struct SlotPool: ~Copyable, Sendable {
  /// Address space is reserved by segments, memory by chunks.
  private static var segmentBytes: Int { 64 << 20 }

  let stride: Int
  let chunkBytes: Int
  let slotsPerChunk: Int
  private let chunkCapacity: Int
  private let chunksPerSegment: Int
  private let free: FreeSlotIndex
  /// Where each segment is, 0 before it is reserved; written once.
  private let segments: FixedArray<Word>
  /// Which chunks are populated. Keeper only.
  private let populated: FixedArray<Bool>
  private let usesHugePages: Bool

  /// The lowest unpopulated chunk, and the end of the highest populated one: where to look. Keeper only.
  private let firstUnpopulated = Atomic<Int>(0)
  private let populatedEnd = Atomic<Int>(0)

  private let freeSlotCount = Atomic<Int>(0)
  private let populatedChunkCount = Atomic<Int>(0)
  /// The most slots in use since the keeper asked last.
  private let mostUsedSlots = Atomic<Int>(0)

  /// - Parameter capacity: the most slots, an upper bound that costs one bit each.
  init(
    stride: Int, chunkBytes: Int, capacity: Int, usesHugePages: Bool
  ) throws(Errno) {
    let perChunk = chunkBytes / stride / 64 * 64
    self.stride = stride
    self.chunkBytes = chunkBytes
    self.usesHugePages = usesHugePages
    slotsPerChunk = perChunk
    chunkCapacity = capacity / perChunk + 1
    chunksPerSegment = SlotPool.segmentBytes / chunkBytes
    free = try FreeSlotIndex(capacity: chunkCapacity * perChunk)
    let segmentCount = chunkCapacity / chunksPerSegment + 1
    segments = FixedArray(count: segmentCount) { Word(0) }
    populated = FixedArray(count: chunkCapacity) { false }
  }

  deinit {
    for index in 0..<segments.count {
      let segment = segments[index].bits.load(ordering: .relaxed)
      if segment != 0 { Kernel.unmap(UInt(segment), SlotPool.segmentBytes) }
    }
    unsafe segments.free()
    unsafe populated.free()
  }

  var freeSlots: Int {
    @_noLocks get { freeSlotCount.load(ordering: .relaxed) }
  }

  var populatedBytes: Int { populatedChunkCount.load(ordering: .relaxed) * chunkBytes }

  var usedSlots: Int {
    @_noLocks get { populatedChunkCount.load(ordering: .relaxed) * slotsPerChunk - freeSlots }
  }

  /// Takes `count` free slots, or as many as are to be had at once.
  @_noLocks
  func allocate(upTo count: Int) -> SlotSet {
    let set = free.allocate(upTo: count)
    if set.count > 0 {
      freeSlotCount.subtract(set.count, ordering: .relaxed)
      // Two threads may overwrite each other's figure: it is an estimate.
      let used = usedSlots
      if used > mostUsedSlots.load(ordering: .relaxed) {
        mostUsedSlots.store(used, ordering: .relaxed)
      }
    }
    return set
  }

  @_noLocks
  func deallocate(_ set: SlotSet) {
    guard set.count > 0 else { return }
    freeSlotCount.add(set.count, ordering: .relaxed)
    free.free(set)
  }

  @_noLocks
  func deallocate(_ slot: UInt32) {
    freeSlotCount.add(1, ordering: .relaxed)
    free.free(slot)
  }

  @_noLocks
  func address(of slot: UInt32) -> UInt {
    let chunk = Int(slot) / slotsPerChunk
    // Acquiring: pairs with the store in `address(ofChunk:)`. A reader that validates afterwards
    // may come here with a slot number out of a recycled record, so the answer may be useless; the
    // bounds hold, because every record holds a slot number that was valid once.
    let segment = segments[chunk / chunksPerSegment].bits.load(ordering: .acquiring)
    return UInt(truncatingIfNeeded: segment) + UInt(chunk % chunksPerSegment * chunkBytes)
      + UInt(Int(slot) % slotsPerChunk * stride)
  }

  // MARK: - The keeper's side

  /// Populates one more chunk. Keeper only.
  func grow() throws(Errno) {
    var chunk = firstUnpopulated.load(ordering: .relaxed)
    while chunk < chunkCapacity, populated[chunk] { chunk += 1 }
    guard chunk < chunkCapacity else { throw Errno.noMemory }
    firstUnpopulated.store(chunk, ordering: .relaxed)
    let address = try address(ofChunk: chunk)
    try Kernel.makeAccessible(address, chunkBytes)
    // Populating reports what touching would kill for: memory that cannot be had.
    do {
      try Kernel.advise(address, chunkBytes, Kernel.populateWrite)
    } catch Errno.invalidArgument {
      // Linux before 5.14: the first use populates.
    }
    populated[chunk] = true
    populatedEnd.max(chunk + 1, ordering: .relaxed)
    populatedChunkCount.add(1, ordering: .relaxed)
    freeSlotCount.add(slotsPerChunk, ordering: .relaxed)
    free.add(chunk * slotsPerChunk, count: slotsPerChunk)
  }

  /// The most slots in use since the last call. Keeper only.
  func takePeakUse() -> Int { mostUsedSlots.exchange(usedSlots, ordering: .relaxed) }

  /// Hands chunks without a slot in use back to the system, the last ones first, while more than
  /// `reserve` slots are free. Keeper only.
  func shrink(toFreeSlots reserve: Int) {
    var chunk = populatedEnd.load(ordering: .relaxed) - 1
    while chunk >= 0, freeSlots - slotsPerChunk >= reserve {
      if populated[chunk], free.takeAll(chunk * slotsPerChunk, count: slotsPerChunk) {
        freeSlotCount.subtract(slotsPerChunk, ordering: .relaxed)
        // The address space stays: a late reader finds zeros, not a hole in its process.
        guard Kernel.giveBack(addressOfMappedChunk(chunk), chunkBytes) else {
          // Locked memory, before Linux 5.18: it stays, and counts, and serves again.
          freeSlotCount.add(slotsPerChunk, ordering: .relaxed)
          free.add(chunk * slotsPerChunk, count: slotsPerChunk)
          return
        }
        populatedChunkCount.subtract(1, ordering: .relaxed)
        populated[chunk] = false
        firstUnpopulated.min(chunk, ordering: .relaxed)
      }
      chunk -= 1
    }
  }

  private func addressOfMappedChunk(_ chunk: Int) -> UInt {
    UInt(segments[chunk / chunksPerSegment].bits.load(ordering: .relaxed))
      + UInt(chunk % chunksPerSegment * chunkBytes)
  }

  private func address(ofChunk chunk: Int) throws(Errno) -> UInt {
    let segment = chunk / chunksPerSegment
    if segments[segment].bits.load(ordering: .relaxed) == 0 {
      // Opened chunk by chunk, so that mlockall(2) does not populate what is not needed yet.
      let memory = try Mapping(reserving: SlotPool.segmentBytes, alignedTo: 2 << 20)
      if usesHugePages { try? Kernel.advise(memory.address, memory.byteCount, MADV_HUGEPAGE) }
      // Releasing: the mapping exists before a slot in it can be seen.
      segments[segment].bits.store(UInt64(memory.release()), ordering: .releasing)
    }
    return addressOfMappedChunk(chunk)
  }
}
