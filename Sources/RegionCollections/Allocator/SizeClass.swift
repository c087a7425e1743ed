/// The sizes of slots in slabs: steps of 16 bytes to 128, then four for each doubling, to 7168. Larger
/// blocks are runs of whole pages.
enum SizeClass {
  static let count = 32
  /// The class of containers' headers, which have slabs of their own: so they lie together, and can all be
  /// found.
  static let headers = 31
  static let headerSize = 64
  static let largest = 7168
  private static let largestOfSteps = 128

  /// The class with the smallest slots that hold `byteCount` bytes, 1...7168.
  static func holding(_ byteCount: Int) -> Int {
    if byteCount <= largestOfSteps { return (byteCount - 1) >> 4 }
    let below = byteCount - 1
    let exponent = Int.bitWidth - 1 - below.leadingZeroBitCount
    return 8 + (exponent - 7) << 2 + (below >> (exponent - 2)) & 3
  }

  static func slotSize(_ sizeClass: Int) -> Int {
    if sizeClass == headers { return headerSize }
    if sizeClass < 8 { return (sizeClass + 1) << 4 }
    let doubling = (sizeClass - 8) >> 2
    return 128 << doubling + ((sizeClass - 8) & 3 + 1) * (32 << doubling)
  }

  /// The pages of one slab, of two slots at the least: as few as leave at most a sixteenth of it unused.
  static func slabPages(_ sizeClass: Int) -> Int {
    let size = slotSize(sizeClass)
    for pages in 1...8 {
      let byteCount = pages * HeapLayout.pageSize
      if byteCount >= 2 * size, (byteCount % size) * 16 <= byteCount { return pages }
    }
    return 8
  }

  /// The class for blocks of this size and alignment; `nil` if those are runs of pages.
  static func holding(_ byteCount: Int, alignment: Int) -> Int? {
    guard byteCount <= largest else { return nil }
    guard alignment > 16 else { return holding(max(byteCount, 1)) }
    guard alignment <= HeapLayout.pageSize / 2 else { return nil }
    // Slots lie at multiples of their size from a page's start.
    for sizeClass in holding(max(byteCount, alignment))..<headers
    where slotSize(sizeClass) & (alignment - 1) == 0 {
      return sizeClass
    }
    return nil
  }
}
