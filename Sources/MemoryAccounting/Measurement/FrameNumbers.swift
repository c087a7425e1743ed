#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A number for each page frame, 0 at first, in memory that is populated only where it is touched.
@safe
final class FrameNumbers {
  private let limit: UInt64
  private let numbers: UnsafeMutablePointer<UInt32>

  /// - Throws: `AccountingError` where the address space for the numbers is not to be had.
  init(limit: UInt64) throws(AccountingError) {
    self.limit = limit
    let memory = unsafe mmap(
      nil, max(Int(limit) * 4, 1), PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw AccountingError(
        .systemCallFailed, errno: errno, "no address space for the table of page frames")
    }
    unsafe numbers = memory.bindMemory(to: UInt32.self, capacity: Int(limit))
  }

  deinit { unsafe _ = munmap(numbers, max(Int(limit) * 4, 1)) }

  subscript(frame: UInt64) -> Int {
    get { frame < limit ? unsafe Int(numbers[Int(frame)]) : 0 }
    set { if frame < limit { unsafe numbers[Int(frame)] = UInt32(newValue) } }
  }
}
