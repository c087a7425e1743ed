internal import CDemo
internal import Glibc
internal import MemorySnapshots

/// What ten live snapshots cost in memory once 10 % of the pages were written to.
struct ExtraMemoryFigure: Codable {
  let liveSnapshots: Int
  let dirtyBytes: Int
  /// Pre-images, as `RegionStatistics.preservedBytes` counts them.
  let preservedBytes: Int
  /// By how much the process's resident memory has grown since before the writes, with all that goes
  /// with them. The pre-images come out of what the store has ready, some megabytes, and the store
  /// may have more or less of it ready afterwards.
  let residentGrowth: Int
  /// The growth as a multiple of the bytes written to.
  let ratio: Double

  private static var snapshots: Int { 10 }
  /// The store keeps some memory ready ahead of need and hands it back after a burst, once a second.
  private static var quietMilliseconds: Int { 2000 }
  private static var longestWait: Int { 8000 }

  init(_ byteCount: Int, _ bar: ProgressBar) throws {
    var random = SplitMix(state: 2)
    let pageSize = Machine.pageSize
    let region = try makePopulatedRegion(byteCount, .init(hasOwnHandler: true))
    let pageCount = region.byteCount / pageSize
    let pages = randomPages(max(1, pageCount / 10), of: pageCount, &random)
    var snapshots: [MemorySnapshot] = []
    for _ in 0..<ExtraMemoryFigure.snapshots { snapshots.append(try region.makeSnapshot()) }
    let before = try ExtraMemoryFigure.residentBytes()
    _ = unsafe cdemo_time_writes(region.baseAddress, pageSize, pages, pages.count, 1)
    ExtraMemoryFigure.waitForStore(region, bar)
    let statistics = region.statistics
    residentGrowth = try ExtraMemoryFigure.residentBytes() - before
    liveSnapshots = statistics.snapshotsLive
    preservedBytes = statistics.preservedBytes
    dirtyBytes = pages.count * pageSize
    ratio = Double(residentGrowth) / Double(dirtyBytes)
    for snapshot in snapshots { snapshot.release() }
  }

  private static func waitForStore(_ region: MemoryRegion, _ bar: ProgressBar) {
    var quiet = 0
    var last = region.statistics.poolBytes
    for elapsed in stride(from: 0, to: longestWait, by: 100) where quiet < quietMilliseconds {
      usleep(100_000)
      let now = region.statistics.poolBytes
      quiet = now == last ? quiet + 100 : 0
      last = now
      bar.update(max(quiet, elapsed / 4), of: quietMilliseconds)
    }
  }

  /// The exact figure: that of /proc/self/statm is a sum of estimates.
  private static func residentBytes() throws(ToolError) -> Int {
    guard let text = readText("/proc/self/smaps_rollup"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Rss:") }),
      let kilobytes = Int(line.split(separator: " ").dropFirst().first ?? "")
    else { throw ToolError(.osError, "cannot read /proc/self/smaps_rollup; mount /proc") }
    return kilobytes << 10
  }

  func print(_ narration: Narration) throws(ToolError) {
    try narration.row(
      "memory, ten snapshots, 10 % dirty",
      ByteUnit.auto.text(UInt64(max(0, residentGrowth))), ByteUnit.auto.text(UInt64(dirtyBytes)),
      "\(threeDigits(ratio)) × the bytes")
  }
}
