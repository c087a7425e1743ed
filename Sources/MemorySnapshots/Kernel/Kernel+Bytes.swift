internal import CUserfault
internal import Glibc

// Touching memory by its address: a load whose value is discarded, or a copy past the cache, only C can
// say.

extension Kernel {
  @_noLocks
  static func copyBytes(from source: UInt, to destination: UInt, count: Int) {
    guard let from = unsafe UnsafeRawPointer(bitPattern: source),
      let to = unsafe UnsafeMutableRawPointer(bitPattern: destination)
    else { return }
    unsafe cuserfault_copy_bytes(to, from, count)
  }

  /// Copies past the cache, and fetches as many bytes from `next`, the next to be copied. In the end
  /// comes `finishCopiesPastCache`.
  @_noLocks
  static func copyPastCache(
    from source: UInt, to destination: UInt, next: UInt, count: Int
  ) {
    guard let from = unsafe UnsafeRawPointer(bitPattern: source),
      let to = unsafe UnsafeMutableRawPointer(bitPattern: destination),
      let next = unsafe UnsafeRawPointer(bitPattern: next)
    else { return }
    unsafe cuserfault_copy_past_cache(to, from, next, count)
  }

  /// Orders copies past the cache before whatever publishes them.
  @_noLocks
  static func finishCopiesPastCache() { cuserfault_finish_copies() }

  @_noLocks
  static func prefetch(_ address: UInt) {
    guard let line = unsafe UnsafeRawPointer(bitPattern: address) else { return }
    unsafe cuserfault_prefetch(line)
  }

  @_noLocks
  static func zeroBytes(_ address: UInt, count: Int) {
    guard let bytes = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    unsafe cuserfault_zero_bytes(bytes, count)
  }

  @_noLocks
  static func isZero(_ address: UInt, count: Int) -> Bool {
    guard let bytes = unsafe UnsafeRawPointer(bitPattern: address) else { return false }
    return unsafe cuserfault_is_zero(bytes, count)
  }

  static func isEqual(_ one: UInt, _ other: UInt, count: Int) -> Bool {
    guard let one = unsafe UnsafeRawPointer(bitPattern: one),
      let other = unsafe UnsafeRawPointer(bitPattern: other)
    else { return false }
    return unsafe memcmp(one, other, count) == 0
  }

  @_noLocks
  static func touch(_ address: UInt) {
    guard let page = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    unsafe cuserfault_touch(page)
  }
}
