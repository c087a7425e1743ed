internal import Synchronization

/// Which blocks of 64 KiB of a memory file are known to have no holes: what is read there needs no
/// system call first. Blocks lose holes by being written to, and get them by `discard(_:)` alone.
struct PopulatedBlocks: ~Copyable, Sendable {
  private static var blockBytes: Int { 64 << 10 }

  private let byteCount: Int
  private let words: FixedArray<Word>
  /// Changes before and after each removal. Not stored here: whoever looks whether there is such a table
  /// may read the whole value.
  private let removals: Reference<Word>

  init(byteCount: Int) {
    self.byteCount = byteCount
    let wordCount = byteCount / PopulatedBlocks.blockBytes / 64 + 1
    words = FixedArray(count: wordCount + 1) { Word(0) }
    removals = words.reference(wordCount)
  }

  deinit { unsafe words.free() }

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
    words[block / 64].bits.load(ordering: .relaxed) & 1 << UInt64(block % 64) != 0
  }

  private func lookUp(_ block: Int, at address: UInt) -> Bool {
    // Acquiring: pairs with `remove`.
    let before = removals.value.bits.load(ordering: .acquiring)
    let start = block * PopulatedBlocks.blockBytes
    let count = min(PopulatedBlocks.blockBytes, byteCount - start)
    guard Kernel.isResident(address + UInt(start), count) else { return false }
    let bit = 1 << UInt64(block % 64) as UInt64
    words[block / 64].bits.bitwiseOr(bit, ordering: .sequentiallyConsistent)
    // A removal that has begun since, or was under way, may have cleared the bit before it was set.
    if removals.value.bits.load(ordering: .sequentiallyConsistent) != before {
      words[block / 64].bits.bitwiseAnd(~bit, ordering: .relaxed)
    }
    return true
  }

  /// Forgets blocks, before a hole is made in them and again afterwards. A reader that goes by the bit
  /// meanwhile reads the page through the mapping: right, but it fills the hole again.
  func remove(_ range: Range<Int>) {
    removals.value.bits.add(1, ordering: .sequentiallyConsistent)
    for block in blocks(of: range) {
      words[block / 64].bits.bitwiseAnd(
        ~(1 << UInt64(block % 64)), ordering: .sequentiallyConsistent)
    }
  }
}
