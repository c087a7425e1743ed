internal import Synchronization

/// Which blocks of 64 KiB of a memory file are known to have no holes: what is read there needs no
/// system call first. Blocks lose holes by being written to, and get them by `discard(_:)` alone.
///
/// Safe to share: all words are atomic, and the memory lives as long as the region's.
@safe
struct PopulatedBlocks: ~Copyable, @unchecked Sendable {
  private static var blockBytes: Int { 64 << 10 }

  private let byteCount: Int
  private let wordCount: Int
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  /// Changes before and after each removal. Not stored here: whoever looks whether there is such a table
  /// may read the whole value.
  private let removals: UnsafeMutablePointer<Atomic<UInt64>>

  init(byteCount: Int) {
    self.byteCount = byteCount
    wordCount = byteCount / PopulatedBlocks.blockBytes / 64 + 1
    unsafe words = .allocate(capacity: wordCount + 1)
    for index in 0...wordCount { unsafe (words + index).initialize(to: Atomic(0)) }
    unsafe removals = words + wordCount
  }

  deinit { unsafe words.deallocate() }

  private func blocks(of range: Range<Int>) -> Range<Int> {
    let bytes = PopulatedBlocks.blockBytes
    return range.lowerBound / bytes..<(range.upperBound + bytes - 1) / bytes
  }

  /// Whether the whole range is free of holes. Asks the kernel about blocks that are not known yet.
  ///
  /// - Parameter address: Where the file is mapped.
  func contain(_ range: Range<Int>, at address: UInt) -> Bool {
    for block in blocks(of: range) where !contains(block) {
      guard lookUp(block, at: address) else { return false }
    }
    return true
  }

  private func contains(_ block: Int) -> Bool {
    // Relaxed: a stale answer is one that was right a moment ago; see `remove`.
    unsafe words[block / 64].load(ordering: .relaxed) & 1 << UInt64(block % 64) != 0
  }

  private func lookUp(_ block: Int, at address: UInt) -> Bool {
    // Acquiring: pairs with `remove`.
    let before = unsafe removals.pointee.load(ordering: .acquiring)
    let start = block * PopulatedBlocks.blockBytes
    let count = min(PopulatedBlocks.blockBytes, byteCount - start)
    guard Kernel.isResident(address + UInt(start), count) else { return false }
    let bit = 1 << UInt64(block % 64) as UInt64
    unsafe words[block / 64].bitwiseOr(bit, ordering: .sequentiallyConsistent)
    // A removal that has begun since, or was under way, may have cleared the bit before it was set.
    if unsafe removals.pointee.load(ordering: .sequentiallyConsistent) != before {
      unsafe words[block / 64].bitwiseAnd(~bit, ordering: .relaxed)
    }
    return true
  }

  /// Forgets blocks, before a hole is made in them and again afterwards. A reader that goes by the bit
  /// meanwhile reads the page through the mapping: right, but it fills the hole again.
  func remove(_ range: Range<Int>) {
    unsafe removals.pointee.add(1, ordering: .sequentiallyConsistent)
    for block in blocks(of: range) {
      unsafe words[block / 64].bitwiseAnd(
        ~(1 << UInt64(block % 64)), ordering: .sequentiallyConsistent)
    }
  }
}
