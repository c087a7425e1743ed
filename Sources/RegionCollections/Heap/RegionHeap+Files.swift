public import MemorySnapshots

extension HeapSnapshot {
  /// Writes the heap as of the snapshot to a file, a pipe or a socket, while the heap is written to.
  ///
  /// As long as the heap's capacity: in a regular file, what was never used is a hole; through a pipe, it is zeros.
  ///
  /// To replace an older file safely, write to a new one, fsync(2) it, and rename(2) it: the article *Keeping your data
  /// in a region* has the function. To read it again: `RegionHeap.init(contentsOf:options:)`. See
  /// `MemorySnapshot.write(to:progress:)`.
  ///
  /// - Parameters:
  ///   - descriptor: Open for writing; stays open.
  ///   - progress: Called now and then with the number of bytes that are written. If it throws, the save
  ///     stops.
  /// - Throws: `.snapshotFailed`; `snapshotError` says why.
  public func write(
    to descriptor: FileDescriptor, progress: ((_ bytesWritten: Int) throws -> Void)? = nil
  ) throws(RegionHeapError) {
    do {
      try memorySnapshot.write(to: descriptor, progress: progress)
    } catch {
      throw RegionHeapError(error)
    }
  }
}

extension RegionHeap {
  /// Reads a heap that was saved, from a descriptor's current offset on, into a new region of the same capacity.
  ///
  /// - Parameters:
  ///   - descriptor: Open for reading; stays open, behind the heap's last byte.
  ///   - options: How the region is made.
  /// - Throws: `.notAHeap`, `.newerVersion`, `.otherByteOrder` or `.damaged` for what is no heap or not all of
  ///   one, `.readFailed`, `.snapshotFailed` if the region cannot be made.
  /// - Complexity: O(bytes).
  public init(
    contentsOf descriptor: FileDescriptor, options: MemoryRegion.Options = MemoryRegion.Options()
  ) throws(RegionHeapError) {
    let start = try HeapFile.read(HeapLayout.pageSize, from: descriptor)
    let capacity = try HeapFile.capacity(start)
    let region: MemoryRegion
    do {
      region = try MemoryRegion(byteCount: capacity, options: options)
    } catch {
      throw RegionHeapError(error)
    }
    let memory = unsafe MutableHeapMemory(base: region.baseAddress, byteCount: region.byteCount)
    memory.copy(start, to: 0)
    try HeapFile.read(from: descriptor, into: memory, start.count..<capacity)
    try self.init(in: region)
  }
}

/// Reading of saved heaps.
private enum HeapFile {
  private static let blockSize = 1 << 20

  static func read(_ count: Int, from descriptor: FileDescriptor) throws(RegionHeapError) -> [UInt8]
  {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got: Int
      do {
        got = try unsafe bytes.withUnsafeMutableBytes { buffer in
          try unsafe descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
        }
      } catch {
        throw RegionHeapError(.readFailed, "the heap cannot be read: \(error)")
      }
      if got == 0 {
        throw RegionHeapError(
          done < HeapLayout.pageSize && count == HeapLayout.pageSize ? .notAHeap : .damaged,
          "the file ends before the heap does; it was not saved as a whole")
      }
      done += got
    }
    return bytes
  }

  static func capacity(_ start: [UInt8]) throws(RegionHeapError) -> Int {
    let result: Result<HeapHeader, RegionHeapError> = HeapMemory.over(start) { memory in
      Result { () throws(RegionHeapError) in try HeapHeader(memory, isWhole: false) }
    }
    return try result.get().capacity
  }

  /// Blocks of zeros are not written: the region's pages stay untouched.
  static func read(
    from descriptor: FileDescriptor, into memory: MutableHeapMemory, _ range: Range<Int>
  ) throws(RegionHeapError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let bytes = try read(min(blockSize, range.upperBound - offset), from: descriptor)
      HeapMemory.over(bytes) { source in
        for page in stride(from: 0, to: bytes.count, by: HeapLayout.pageSize) {
          let count = min(HeapLayout.pageSize, bytes.count - page)
          if source.isZero(page, count: count) { continue }
          source.withBytes(at: page, count: count) { memory.copy($0, to: offset + page) }
        }
      }
      offset += bytes.count
    }
  }
}
