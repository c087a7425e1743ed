/// What the C functions get as their context: the allocator of a heap.
final class MallocContext: Sendable {
  let allocator: Allocator

  init(_ allocator: Allocator) { self.allocator = allocator }

  static func allocator(_ context: UnsafeMutableRawPointer?) -> Allocator {
    guard let context = unsafe context else {
      trap("the heap's C functions need the context that RegionHeap.mallocContext gives")
    }
    return unsafe Unmanaged<MallocContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
      $0.allocator
    }
  }
}
