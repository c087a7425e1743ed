/// How often frames are mapped in the whole system, each read from /proc/kpagecount once.
final class MapCounts {
  private let file: FrameInformation
  /// The count plus 1.
  private let known: FrameNumbers
  private let block: FrameBlock

  init(_ file: FrameInformation, limit: UInt64) throws(AccountingError) {
    self.file = file
    known = try FrameNumbers(limit: limit)
    block = FrameBlock(file)
  }

  subscript(frame: UInt64) -> UInt64 {
    if known[frame] == 0 {
      let first = frame / FrameBlock.frames * FrameBlock.frames
      for neighbour in first..<first + FrameBlock.frames {
        known[neighbour] = Int(min(block[neighbour], UInt64(UInt32.max) - 1)) + 1
      }
    }
    return UInt64(max(known[frame], 1) - 1)
  }

  /// The part of a page that a mapping is charged with, in the kernel's units of 1/4096 byte: a
  /// page's size by the number of its mappings, rounded down.
  func share(of frame: UInt64) -> UInt64 {
    (Kernel.pageSize << ProportionalMemory.shift) / max(self[frame], 1)
  }
}
