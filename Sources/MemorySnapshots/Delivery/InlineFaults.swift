internal import Synchronization
internal import SystemPackage

/// The ranges whose faults are resolved in the faulting thread, and the SIGBUS handler that does.
///
/// The list is sorted and searched in a signal handler: it is fixed memory under a sequence lock,
/// so that a search neither locks nor allocates, and the list of a process with many regions is
/// searched in a few steps. The ranges are disjoint, as those of mappings of one process are: each is
/// taken out before its memory is unmapped, and the child of a fork, which has none of them mapped,
/// finds the list empty (`ProcessMemory`).
/// All words are atomic; changes are serialised by a lock.
struct InlineFaults: Sendable {
  /// All zeros at first, which means empty.
  struct Header: ~Copyable {
    let changes = SequenceLock()
    fileprivate let count = Atomic<Int>(0)
  }

  /// One range of ours: of a region, or of a view of one.
  struct Entry: ~Copyable {
    fileprivate let start = Atomic<UInt>(0)
    fileprivate let end = Atomic<UInt>(0)
    fileprivate let region = Atomic<UInt>(0)
  }

  let list: Reference<Header>
  private let entries: FixedArray<Entry>
  /// Threads that search: no region is freed between being found and being counted as in use.
  let searches: GracePeriod
  let waiters: BriefWaiters

  @_noLocks
  init(_ memory: ProcessMemory) {
    list = unsafe Reference(
      at: memory.pointer(ProcessMemory.inlineList).assumingMemoryBound(to: Header.self))
    entries = unsafe FixedArray(
      count: ProcessMemory.entryCapacity(stride: MemoryLayout<Entry>.stride),
      at: memory.pointer(ProcessMemory.inlineEntries).assumingMemoryBound(to: Entry.self))
    waiters = BriefWaiters(memory.inlineWaiters)
    searches = unsafe GracePeriod(
      Reference(
        at: memory.pointer(ProcessMemory.inlineReaders)
          .assumingMemoryBound(to: GracePeriod.Words.self)), waiters)
  }

  // MARK: - Changing

  static func add(
    _ start: UInt, _ byteCount: Int, of region: Reference<RegionState>
  ) throws(Errno) {
    let memory = try ProcessMemory.get()
    try change(memory) { list throws(Errno) in
      _ = unsafe try Kernel.check(
        Kernel.installResolver(
          { context, address in
            unsafe InlineFaults(ProcessMemory(start: context))
              .resolve(UInt(truncatingIfNeeded: address))
          }, memory.context))
      try list.insert(start, start + UInt(byteCount), region.address)
    }
  }

  /// Forgets the range of a region, or of a view of it, that starts at `start`.
  static func remove(_ start: UInt, of region: Reference<RegionState>) {
    // Known, since the range was added.
    guard let memory = ProcessMemory.known else { return }
    change(memory) { list in list.remove(start, region.address) }
  }

  /// Forgets a region, and waits until no thread resolves a fault of it. The memory takes no faults
  /// any more, or nobody uses it.
  static func remove(_ region: Reference<RegionState>) {
    // Known, since the region was added.
    guard let memory = ProcessMemory.known else { return }
    change(memory) { list in
      list.remove(region.value.layout.address, region.address)
      list.searches.wait()
    }
    var wait = BriefWait(BriefWaiters(memory.inlineWaiters))
    defer { wait.end() }
    // Acquiring: pairs with the release with which a thread ends.
    while region.value.inlineResolvers.load(ordering: .acquiring) != 0 {
      // Some may wait for room that nobody makes any more, and that they do not need either.
      region.value.wakeStarved()
      wait.next()
    }
  }

  private static func change<Failure: Error>(
    _ memory: ProcessMemory, _ body: (InlineFaults) throws(Failure) -> Void
  ) throws(Failure) {
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    let lock = memory.inlineLock
    lock.lock()
    defer { lock.unlock() }
    try body(InlineFaults(memory))
  }

  private func insert(_ start: UInt, _ end: UInt, _ region: UInt) throws(Errno) {
    let count = list.value.count.load(ordering: .relaxed)
    guard count < entries.count else { throw Errno.noMemory }
    list.value.changes.beginChange()
    var position = count
    while position > 0, entries[position - 1].start.load(ordering: .relaxed) > start {
      move(position - 1, to: position)
      position -= 1
    }
    entries[position].start.store(start, ordering: .relaxed)
    entries[position].end.store(end, ordering: .relaxed)
    entries[position].region.store(region, ordering: .relaxed)
    list.value.count.store(count + 1, ordering: .relaxed)
    endChange()
  }

  private func remove(_ start: UInt, _ region: UInt) {
    let count = list.value.count.load(ordering: .relaxed)
    for position in 0..<count
    where entries[position].start.load(ordering: .relaxed) == start
      && entries[position].region.load(ordering: .relaxed) == region
    {
      list.value.changes.beginChange()
      for next in position + 1..<max(count, position + 1) { move(next, to: next - 1) }
      list.value.count.store(count - 1, ordering: .relaxed)
      endChange()
      return
    }
  }

  private func move(_ from: Int, to: Int) {
    entries[to].start.store(
      entries[from].start.load(ordering: .relaxed), ordering: .relaxed)
    entries[to].end.store(entries[from].end.load(ordering: .relaxed), ordering: .relaxed)
    entries[to].region.store(
      entries[from].region.load(ordering: .relaxed), ordering: .relaxed)
  }

  private func endChange() {
    list.value.changes.endChange()
    waiters.wake()
  }

  // MARK: - Resolving, in a signal handler

  /// Returns 0, or, if the address is not in a range of ours or its fault is not, a number of the
  /// list's state.
  @_noLocks
  private func resolve(_ address: UInt) -> UInt64 {
    var state: UInt64 = 0
    let turn = searches.beginReading()
    let found = find(address, &state)
    if let region = found {
      region.value.inlineResolvers.add(1, ordering: .relaxed)
    }
    // Counted there before it is no longer counted here.
    searches.endReading(turn)
    // The sequence was even, and may be 0.
    guard let region = found else { return state + 1 }
    let isOurs = InlineResolver(region).resolve(address)
    region.value.inlineResolvers.subtract(1, ordering: .releasing)
    // The region may be gone by now; the list is not.
    waiters.wake()
    return isOurs ? 0 : state + 1
  }

  @_noLocks
  private func find(_ address: UInt, _ state: inout UInt64) -> Reference<RegionState>? {
    var wait = BriefWait(waiters)
    defer { wait.end() }
    while true {
      let before = list.value.changes.beginReading()
      var low = 0
      var high = list.value.count.load(ordering: .relaxed)
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].start.load(ordering: .relaxed) <= address {
          low = middle + 1
        } else {
          high = middle
        }
      }
      var region: UInt = 0
      if low > 0, address < entries[low - 1].end.load(ordering: .relaxed) {
        region = entries[low - 1].region.load(ordering: .relaxed)
      }
      if list.value.changes.isCurrent(before) {
        state = before
        // Entries hold the addresses of regions alone.
        return region == 0 ? nil : unsafe Reference(address: region)
      }
      wait.next()
    }
  }
}

extension Reference where Value == InlineFaults.Header {
  @_noLocks
  init(at pointer: UnsafeMutablePointer<InlineFaults.Header>) { unsafe self.pointer = pointer }

  var value: InlineFaults.Header {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}

extension FixedArray where Element == InlineFaults.Entry {
  @_noLocks
  init(count: Int, at start: UnsafeMutablePointer<InlineFaults.Entry>) {
    unsafe self.start = start
    self.count = count
  }

  subscript(index: Int) -> InlineFaults.Entry {
    @_noLocks unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
  }
}
