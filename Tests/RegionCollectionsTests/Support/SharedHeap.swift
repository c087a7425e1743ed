import RegionCollections
import Synchronization

/// A heap behind a lock, as applications share one.
final class SharedHeap: Sendable {
  private let heap: Mutex<RegionHeap>

  init(_ heap: consuming sending RegionHeap) { self.heap = Mutex(heap) }

  func write(_ body: (inout RegionHeap) -> Void) {
    heap.withLock { body(&$0) }
  }

  func snapshot() -> HeapSnapshot? { heap.withLock { try? $0.makeSnapshot() } }
}
