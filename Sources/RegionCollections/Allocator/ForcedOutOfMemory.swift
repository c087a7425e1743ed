#if DEBUG
  internal import Glibc
  internal import Synchronization

  /// Has the allocations of one heap fail, for tests. In debug builds alone.
  enum ForcedOutOfMemory {
    private static let address = Atomic<UInt>(0)
    private static let countdown = Atomic<Int>(0)
    private static let isTaken = Atomic<Bool>(false)

    /// Calls `body` while all allocations but the first `count` of the heap in `memory` fail. Tests that use it
    /// at the same time wait for each other.
    static func after<Result>(
      _ count: Int, in memory: MutableHeapMemory, _ body: () throws -> Result
    ) rethrows -> (result: Result, hasFailed: Bool) {
      while isTaken.exchange(true, ordering: .acquiring) { sched_yield() }
      defer { isTaken.store(false, ordering: .releasing) }
      countdown.store(count, ordering: .relaxed)
      address.store(memory.address, ordering: .sequentiallyConsistent)
      defer { address.store(0, ordering: .sequentiallyConsistent) }
      let result = try body()
      return (result, countdown.load(ordering: .relaxed) < 0)
    }

    /// Whether the allocation that is about to be made must fail.
    static func strikes(_ memory: MutableHeapMemory) -> Bool {
      guard address.load(ordering: .relaxed) == memory.address else { return false }
      return countdown.subtract(1, ordering: .relaxed).newValue < 0
    }
  }
#endif
