#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A set of page frames: a bit for each frame of the machine, in memory that is populated only where it
/// is touched.
@safe
final class FrameSet {
  private let limit: UInt64
  private let words: UnsafeMutablePointer<UInt64>
  private let byteCount: Int
  /// How many frames are in the set.
  private(set) var count: UInt64 = 0

  /// - Throws: `AccountingError` where the address space for the set is not to be had.
  init(limit: UInt64) throws(AccountingError) {
    self.limit = limit
    byteCount = Int(limit / 64 + 1) * 8
    let memory = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw AccountingError(
        .systemCallFailed, errno: errno, "no address space for a set of page frames")
    }
    unsafe words = memory.bindMemory(to: UInt64.self, capacity: byteCount / 8)
  }

  deinit { unsafe _ = munmap(words, byteCount) }

  @inline(__always)
  func insert(_ frame: UInt64) {
    guard frame < limit else { return }
    let word = unsafe words[Int(frame / 64)]
    let bit = UInt64(1) << (frame % 64)
    count &+= word & bit == 0 ? 1 : 0
    unsafe words[Int(frame / 64)] = word | bit
  }
}
