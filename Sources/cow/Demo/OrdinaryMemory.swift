internal import CDemo
internal import Glibc
internal import SystemPackage

/// Private memory, every page written to: what fork(2) has to share.
@safe
struct OrdinaryMemory: ~Copyable {
  private let address: UnsafeMutableRawPointer
  private let byteCount: Int

  /// - Parameter usesHugePages: Whether to ask for huge pages, which fork(2) shares faster, or for
  ///   small ones, as most systems give by default.
  init(_ byteCount: Int, usesHugePages: Bool = false) throws(ToolError) {
    let mapping = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapping = unsafe mapping, UInt(bitPattern: mapping) != .max else {
      throw ToolError(.osError, "cannot map \(byteCount) bytes: \(Errno(rawValue: errno))")
    }
    // Fails where the kernel knows no huge pages: then there are none anyway.
    _ = unsafe madvise(mapping, byteCount, usesHugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)
    unsafe memset(mapping, 1, byteCount)
    unsafe address = unsafe mapping
    self.byteCount = byteCount
  }

  deinit { unsafe munmap(address, byteCount) }

  /// How long fork(2) takes now, in nanoseconds: the median of five calls, or the one that is asked
  /// for.
  func timeFork(repetitions: Int = 5) throws(ToolError) -> UInt64 {
    var times: [UInt64] = []
    for _ in 0..<repetitions {
      var nanoseconds: UInt64 = 0
      let status = unsafe cdemo_time_fork(&nanoseconds)
      guard status == 0 else {
        throw ToolError(.osError, "fork() failed: \(Errno(rawValue: -status))")
      }
      times.append(nanoseconds)
    }
    return median(times)
  }
}

/// The middle of the values in order; of an even number, the upper of the two. 0 for none.
func median<Value: BinaryInteger>(_ values: [Value]) -> Value {
  values.isEmpty ? 0 : values.sorted()[values.count / 2]
}
