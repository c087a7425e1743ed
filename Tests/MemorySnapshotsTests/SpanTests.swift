import MemorySnapshots
import Testing

@Suite("Spans", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct SpanTests {
  @Test("Bytes are copied into a span, from its start on", arguments: RegionMode.tested)
  func copies(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 40, mode)
    for page in 0..<40 { region[page] = UInt64(page + 1) }
    let snapshot = try region.makeSnapshot()
    region.fillPages(0..<40, with: 9)
    let range = 5 * pageSize..<37 * pageSize + 8
    var words = [UInt64](repeating: 0xa5a5, count: range.count / 8 + 1)
    var span = words.mutableSpan
    var bytes = unsafe span.mutableBytes
    try snapshot.copyBytes(in: range, into: &bytes)
    for page in 5..<38 { #expect(words[(page - 5) * pageSize / 8] == UInt64(page + 1)) }
    #expect(words.last == 0xa5a5)
  }

  @Test(
    "A span that is too small is refused, and so is a range outside",
    arguments: RegionMode.tested)
  func refused(_ mode: RegionMode) throws {
    let snapshot = try MemoryRegion(pages: 1, mode).makeSnapshot()
    var words: [UInt64] = [1]
    for range in [0..<9, pageSize - 4..<pageSize + 4] {
      var code: SnapshotError.Code?
      do throws(SnapshotError) {
        var span = words.mutableSpan
        var bytes = unsafe span.mutableBytes
        try snapshot.copyBytes(in: range, into: &bytes)
      } catch {
        code = error.code
      }
      #expect(code == .invalidArgument)
      #expect(words == [1])
    }
  }

  @Test("Tasks share a view, and arrays hold some", arguments: RegionMode.tested)
  func sharedViews(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 64, mode)
    for page in 0..<64 { region[page] = UInt64(page + 1) }
    let snapshot = try region.makeSnapshot()
    let view = try snapshot.makeView()
    let views = [view, try snapshot.makeView(), try snapshot.makeView()]
    for page in 0..<64 { region[page] = 0 }
    @Sendable func sum(_ view: SnapshotView) -> UInt64 {
      (0..<64).reduce(0) { $0 + view.word(ofPage: $1) }
    }
    async let one = sum(view)
    let others = await withTaskGroup(of: UInt64.self) { group in
      for view in views { group.addTask { sum(view) } }
      for _ in 0..<4 { group.addTask { sum(view) } }
      var sums: [UInt64] = []
      for await sum in group { sums.append(sum) }
      return sums
    }
    #expect(await [one] + others == Array(repeating: 64 * 65 / 2, count: 8))
  }

  @Test(
    "The bytes of a view keep it open, and nothing does afterwards", arguments: RegionMode.tested)
  func bytesKeepView(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 8, mode)
    region.fillPages(0..<8, with: 1)
    let snapshot = try region.makeSnapshot()
    var view: SnapshotView? = try snapshot.makeView()
    func firstAndLast() -> [UInt64] {
      guard let opened = view else { return [] }
      let bytes = opened.bytes
      view = nil
      region.fillPages(0..<8, with: 2)
      return [0, 7].map {
        unsafe bytes.unsafeLoad(fromByteOffset: $0 * pageSize, as: UInt64.self)
      }
    }
    #expect(firstAndLast() == [0x0101_0101_0101_0101, 0x0101_0101_0101_0101])
    // A snapshot with an open view is not consumed.
    try snapshot.consume { _, _ in }
    #expect(region.statistics.snapshotsLive == 0)
  }
}
