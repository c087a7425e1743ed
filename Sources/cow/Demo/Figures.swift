internal import Glibc
internal import MemorySnapshots

/// The demo's second part: what snapshots cost, measured beside what they would replace. Medians
/// of interleaved rounds; on a busy machine, only the ratios mean something.
struct Figures: Codable {
  let byteCount: Int
  let pauses: [PauseFigure]
  let memory: ExtraMemoryFigure
  let faults: FaultFigure

  init(_ byteCount: Int, _ narration: Narration) throws {
    self.byteCount = byteCount
    try narration.heading(
      "\nMeasured with \(byteCount >> 20) MiB",
      columns: ("snapshot", "beside"))
    pauses = try MemoryRegion.Backing.allCases.map { backing in
      let pause = try Figures.measure("pause", narration) {
        try PauseFigure(byteCount, backing, $0)
      }
      try pause.print(narration)
      return pause
    }
    memory = try Figures.measure("memory", narration) { try ExtraMemoryFigure(byteCount, $0) }
    try memory.print(narration)
    faults = try Figures.measure("faults", narration) { try FaultFigure(byteCount, $0) }
    try faults.print(narration)
  }

  private static func measure<Figure>(
    _ name: String, _ narration: Narration, _ body: (ProgressBar) throws -> Figure
  ) throws -> Figure {
    let bar = narration.progressBar("  measuring the \(name)")
    defer { bar.clear() }
    return try body(bar)
  }
}

/// A populated region to measure with.
func makePopulatedRegion(
  _ byteCount: Int, _ options: MemoryRegion.Options = .init()
) throws(SnapshotError) -> MemoryRegion {
  let region = try MemoryRegion(byteCount: byteCount, options: options)
  unsafe memset(region.baseAddress, 1, region.byteCount)
  return region
}

/// Distinct pages in random order.
func randomPages(_ count: Int, of pageCount: Int, _ random: inout SplitMix) -> [UInt32] {
  Array((0..<UInt32(pageCount)).shuffled(using: &random).prefix(count))
}
