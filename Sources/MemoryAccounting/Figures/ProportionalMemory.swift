/// The proportional set size of a process: each page by the number of its mappings, as smaps_rollup and
/// smem have it.
public struct ProportionalMemory: Codable, Sendable, Hashable {
  /// Pages in memory (PSS), without explicit huge pages.
  public let resident: MemoryFigure
  /// Pages in swap space (SwapPss), without those of shared memory.
  public let swapped: MemoryFigure

  /// The kernel adds shares of pages up in units of 1/4096 byte.
  static let shift: UInt64 = 12
}
