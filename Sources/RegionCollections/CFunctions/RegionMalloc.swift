/// The functions of malloc(3) over a heap, as C functions whose first argument is a context:
/// `RegionHeap.mallocContext`.
///
/// For C libraries that let their memory be replaced, Lua's `lua_Alloc` or SQLite's `SQLITE_CONFIG_MALLOC`:
/// what they keep then rolls back with the heap.
///
/// They give pointers into the live region, aligned to 16, which hold wherever the heap is rolled back to, but
/// not in another process or after a save: there the region has another address. Like the heap itself they
/// are for one thread at a time. Without memory they return null, as malloc(3) does; a pointer that is none of
/// the heap's blocks traps.
public enum RegionMalloc {
  /// malloc(3): a block of undefined content; null without memory.
  public static let allocate:
    @convention(c) (_ context: UnsafeMutableRawPointer?, _ byteCount: Int)
      -> UnsafeMutableRawPointer? = { context, byteCount in
        unsafe MallocContext.allocator(context).allocatePointer(byteCount)
      }

  /// calloc(3): a block of zeros; null without memory, or if the product overflows.
  public static let allocateZeroed:
    @convention(c) (_ context: UnsafeMutableRawPointer?, _ count: Int, _ byteCount: Int)
      -> UnsafeMutableRawPointer? = { context, count, byteCount in
        let (total, overflows) = count.multipliedReportingOverflow(by: byteCount)
        guard !overflows else { return nil }
        return unsafe MallocContext.allocator(context).allocatePointer(total, isZeroed: true)
      }

  /// realloc(3): null makes a block, and a size of zero frees it.
  public static let reallocate:
    @convention(c) (
      _ context: UnsafeMutableRawPointer?, _ block: UnsafeMutableRawPointer?, _ byteCount: Int
    ) -> UnsafeMutableRawPointer? = { context, block, byteCount in
      unsafe MallocContext.allocator(context).reallocatePointer(block, byteCount)
    }

  /// free(3): null is ignored.
  public static let free:
    @convention(c) (_ context: UnsafeMutableRawPointer?, _ block: UnsafeMutableRawPointer?)
      -> Void = { context, block in
        unsafe MallocContext.allocator(context).freePointer(block)
      }

  /// malloc_usable_size(3): zero for null.
  public static let usableSize:
    @convention(c) (_ context: UnsafeMutableRawPointer?, _ block: UnsafeMutableRawPointer?)
      -> Int = { context, block in
        unsafe MallocContext.allocator(context).usableSize(ofPointer: block)
      }
}

extension Allocator {
  fileprivate func allocatePointer(
    _ byteCount: Int, isZeroed: Bool = false
  ) -> UnsafeMutableRawPointer? {
    guard byteCount >= 0, let offset = try? allocate(byteCount) else { return nil }
    if isZeroed { memory.zero(offset, count: byteCount) }
    return unsafe memory.pointer(to: offset)
  }

  fileprivate func reallocatePointer(
    _ block: UnsafeMutableRawPointer?, _ byteCount: Int
  ) -> UnsafeMutableRawPointer? {
    guard let block = unsafe block else { return unsafe allocatePointer(byteCount) }
    if byteCount == 0 {
      unsafe freePointer(block)
      return nil
    }
    guard byteCount > 0,
      let offset = try? unsafe reallocate(memory.offset(of: block), byteCount)
    else { return nil }
    return unsafe memory.pointer(to: offset)
  }

  fileprivate func freePointer(_ block: UnsafeMutableRawPointer?) {
    guard let block = unsafe block else { return }
    deallocate(unsafe memory.offset(of: block))
  }

  fileprivate func usableSize(ofPointer block: UnsafeMutableRawPointer?) -> Int {
    guard let block = unsafe block else { return 0 }
    return usableSize(unsafe memory.offset(of: block))
  }
}
