/// The active swap areas, from /proc/swaps.
struct SwapAreas {
  /// The number of pages of the largest area, 0 without swap.
  let largest: UInt64
  /// Whether anything is in swap space.
  let isUsed: Bool

  var isEmpty: Bool { largest == 0 }

  /// Reads the areas of the moment; none where /proc/swaps cannot be read (kernels without swap).
  static func current() -> SwapAreas {
    parse((try? ProcFile.read("/proc/swaps")) ?? [])
  }

  static func parse(_ text: [UInt8]) -> SwapAreas {
    var scanner = ByteScanner(text)
    var largest: UInt64 = 0
    var isUsed = false
    scanner.skipLine()
    while !scanner.isAtEnd {
      _ = scanner.word()
      _ = scanner.word()
      largest = max(largest, (scanner.decimal() ?? 0) << 10 / Kernel.pageSize)
      isUsed = scanner.decimal() ?? 0 > 0 || isUsed
      scanner.skipLine()
    }
    return SwapAreas(largest: largest, isUsed: isUsed)
  }
}
