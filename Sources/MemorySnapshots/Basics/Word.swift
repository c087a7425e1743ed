internal import Synchronization

/// A word in memory that threads share.
struct Word: ~Copyable, Sendable {
  let bits: Atomic<UInt64>

  init(_ bits: UInt64) { self.bits = Atomic(bits) }
}

extension FixedArray where Element == Word {
  subscript(index: Int) -> Word {
    @_noLocks unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
  }
}

extension FixedArray where Element == UInt64 {
  subscript(index: Int) -> UInt64 {
    @_noLocks unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
  }
}

extension FixedArray where Element == UInt32 {
  subscript(index: Int) -> UInt32 {
    @_noLocks unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
    @_noLocks nonmutating unsafeMutableAddress {
      assert(0 <= index && index < count)
      return unsafe start + index
    }
  }
}
