public import MemorySnapshots

/// A heap in a region: containers and blocks whose every byte, the allocator's state included, lies in the
/// region, by offsets.
///
/// It rolls back with the region, is saved with it, and works wherever the region is mapped. See
/// `RegionArray` for a program.
///
/// A heap is not copyable: whoever holds it writes to it, one thread at a time. Move it into a `Mutex` or an
/// actor to share it. Snapshots of it may be read from any thread.
@safe
public struct RegionHeap: ~Copyable, Sendable {
  /// The region that the heap lies in. Writing to it other than through the heap damages the heap.
  public let region: MemoryRegion
  @usableFromInline let allocator: Allocator
  let header: HeapHeader
  private let malloc: MallocContext

  /// The first argument of the functions of `RegionMalloc`, for as long as the heap lives.
  public var mallocContext: UnsafeMutableRawPointer {
    unsafe Unmanaged.passUnretained(malloc).toOpaque()
  }

  /// Makes an empty heap in a new region.
  ///
  /// - Parameters:
  ///   - byteCount: The capacity, rounded up to whole pages: address space; memory is used as it fills. It is for ever,
  ///     and what is saved to a pipe is as long (a file has holes): choose it generously. A heap that is full is copied
  ///     into a larger one, container by container. Some 1.6 % of it is for the allocator's tables.
  ///   - options: How the region is made.
  /// - Throws: `.invalidArgument` for less than 64 KiB, `.snapshotFailed` if the region cannot be made.
  public init(
    byteCount: Int, options: MemoryRegion.Options = MemoryRegion.Options()
  ) throws(RegionHeapError) {
    guard byteCount >= HeapHeader.smallestCapacity else {
      throw RegionHeapError(
        .invalidArgument,
        "a heap has \(HeapHeader.smallestCapacity) bytes at the least, not \(byteCount)")
    }
    let region: MemoryRegion
    do {
      region = try MemoryRegion(byteCount: byteCount, options: options)
    } catch {
      throw RegionHeapError(error)
    }
    let capacity = region.byteCount / HeapLayout.pageSize * HeapLayout.pageSize
    let allocator = unsafe Allocator(
      MutableHeapMemory(base: region.baseAddress, byteCount: capacity), RegionReference(region))
    allocator.initialize()
    let directory = try RegionArray<PlaceRecord>.make(in: allocator)
    let header = HeapHeader(
      capacity: capacity, directoryOffset: directory.handle.offset,
      directoryIdentity: directory.handle.identity)
    header.write(to: allocator.memory)
    self.region = region
    self.allocator = allocator
    self.header = header
    malloc = MallocContext(allocator)
  }

  /// Opens the heap that a region holds: one read from a file, or made by another `RegionHeap` that is
  /// gone.
  ///
  /// - Throws: `.notAHeap`, `.newerVersion`, `.otherByteOrder`, or `.damaged`.
  public init(in region: MemoryRegion) throws(RegionHeapError) {
    let header = try HeapHeader(
      unsafe HeapMemory(base: region.baseAddress, byteCount: region.byteCount))
    self.region = region
    self.header = header
    let allocator = unsafe Allocator(
      MutableHeapMemory(base: region.baseAddress, byteCount: header.capacity),
      RegionReference(region))
    self.allocator = allocator
    malloc = MallocContext(allocator)
  }

  /// The capacity in bytes.
  public var byteCount: Int { header.capacity }

  var directory: Directory { Directory(header) }
}
