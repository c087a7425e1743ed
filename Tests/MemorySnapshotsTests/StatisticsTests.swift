import Foundation
@testable import MemorySnapshots
import SnapshotStress
import SystemPackage
import Testing

@Suite("RegionStatistics", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct RegionStatisticsTests {
  @Test(
    "Counters tell what has happened, by cause", arguments: RegionMode.tested(guessing: false))
  func counters(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<32, with: 1)
    let first = try region.makeSnapshot()
    try await onThread { region.fillPages(0..<4, with: 2) }
    try await onThread { region.fillPages(40..<42, with: 2) }
    try region.prepareToWrite(8 * pageSize..<13 * pageSize)
    let second = try region.makeSnapshot()
    try region.restore(to: first)
    let statistics = region.statistics
    #expect(statistics.snapshotsTaken == 2)
    #expect(statistics.snapshotsLive == 2)
    #expect(statistics.writeFaults == 6)
    #expect(statistics.pagesCopied.byFaults == 4)
    #expect(statistics.zeroPages == 2)
    #expect(statistics.pagesCopied.byIntent == 5)
    // What the second snapshot needs of the eleven pages that are rolled back.
    #expect(statistics.pagesCopied.byRestores == 11)
    #expect(statistics.preservedBytes == 20 * pageSize)
    #expect(statistics.mostPreservedBytes == 20 * pageSize)
    #expect(statistics.poolBytes >= statistics.preservedBytes)
    #expect(statistics.protectTime.worst >= statistics.protectTime.last)
    #expect(statistics.protectTime.total >= statistics.protectTime.worst)
    // Counted after the writer has been woken.
    #expect(await eventually { region.statistics.faultServiceTime.count == 6 })
    first.release()
    second.release()
    #expect(region.statistics.snapshotsLive == 0)
    #expect(region.statistics.preservedBytes == 0)
    #expect(region.statistics.mostPreservedBytes == 20 * pageSize)
  }

  @Test("One copy serves every snapshot since the write before", arguments: RegionMode.tested)
  func sharing(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 16, mode)
    region.fillPages(0..<16, with: 1)
    let snapshots = try (0..<10).map { _ in try region.makeSnapshot() }
    try await onThread { region.fillPages(0..<16, with: 2) }
    #expect(region.statistics.preservedBytes == 16 * pageSize)
    for snapshot in snapshots.dropFirst() { snapshot.release() }
    #expect(region.statistics.preservedBytes == 16 * pageSize)
    #expect(try snapshots[0].bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    snapshots[0].release()
    #expect(region.statistics.preservedBytes == 0)
  }

  @Test(
    "Pages of a shared view are its own copies, and serve other snapshots too",
    arguments: RegionMode.tested(.sharedMemory))
  func viewCopies(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 16, mode)
    region.fillPages(0..<16, with: 1)
    let snapshot = try region.makeSnapshot()
    let twin = try region.makeSnapshot()
    var view: SnapshotView? = try snapshot.makeView()
    try await onThread { region.fillPages(0..<8, with: 2) }
    #expect(region.statistics.pagesCopied.byViews > 0)
    #expect(try #require(view).bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    view = nil
    snapshot.release()
    #expect(try twin.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test("Statistics survive encoding, and speak in words", arguments: RegionMode.tested)
  func coding(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 4, mode)
    let snapshot = try region.makeSnapshot()
    region.set(1, to: 1)
    let statistics = region.statistics
    let data = try JSONEncoder().encode(statistics)
    #expect(try JSONDecoder().decode(RegionStatistics.self, from: data) == statistics)
    #expect(statistics.description.contains("snapshots: 1 taken, 1 live, 0 invalidated"))
    #expect(statistics.description.contains("write faults: 1"))
    snapshot.release()
  }
}

extension RegionStatisticsTests {
  @Test("Statistics are made in tests, and those of an interval are told")
  func interval() throws {
    var earlier = RegionStatistics()
    #expect(earlier.writeFaults == 0)
    earlier.writeFaults = 5
    earlier.snapshotsTaken = 2
    earlier.snapshotsLive = 2
    earlier.preservedBytes = 100
    earlier.pagesCopied = .init(byFaults: 3, ahead: 1, byViews: 2)
    earlier.protectTime = .init(
      last: .milliseconds(1), total: .milliseconds(3), worst: .milliseconds(2))
    earlier.faultServiceTime = LatencyHistogram([.nanoseconds(5)])
    var later = earlier
    later.writeFaults = 9
    later.snapshotsTaken = 3
    later.snapshotsLive = 1
    later.preservedBytes = 60
    later.pagesCopied.byViews = 10
    later.pagesAhead = .init(used: 4, wasted: 1)
    later.hotPages = .init(hitPercentage: 50, budget: 8)
    later.protectTime.total = .milliseconds(10)
    later.faultServiceTime = LatencyHistogram([.nanoseconds(5), .nanoseconds(6)])
    let interval = later.since(earlier)
    #expect(interval.writeFaults == 4)
    #expect(interval.snapshotsTaken == 1)
    #expect(interval.snapshotsLive == 1)
    #expect(interval.preservedBytes == 60)
    #expect(interval.pagesCopied == .init(byViews: 8))
    #expect(interval.pagesAhead == .init(used: 4, wasted: 1))
    #expect(interval.hotPages == .init(hitPercentage: 50, budget: 8))
    #expect(
      interval.protectTime
        == .init(last: .milliseconds(1), total: .milliseconds(7), worst: .milliseconds(2)))
    #expect(interval.faultServiceTime == LatencyHistogram([.nanoseconds(6)]))
    let data = try JSONEncoder().encode(later)
    #expect(try JSONDecoder().decode(RegionStatistics.self, from: data) == later)
  }

  @Test("Every figure that counts is subtracted, and nothing else")
  func everyCount() throws {
    let region = try MemoryRegion(pages: 64)
    for round in 1...3 as ClosedRange<UInt8> {
      let snapshot = try region.makeSnapshot()
      let view = try snapshot.makeView()
      region.fillPages(0..<32, with: round)
      _ = view.word(ofPage: 40)
    }
    let statistics = region.statistics
    let none = statistics.since(statistics)
    var expected = RegionStatistics()
    expected.snapshotsLive = statistics.snapshotsLive
    expected.preservedBytes = statistics.preservedBytes
    expected.mostPreservedBytes = statistics.mostPreservedBytes
    expected.residentViewBytes = statistics.residentViewBytes
    expected.poolBytes = statistics.poolBytes
    expected.hotPages = statistics.hotPages
    expected.protectTime = statistics.protectTime
    expected.protectTime.total = .zero
    #expect(none == expected)
  }
}

@Suite("LatencyHistogram")
struct LatencyHistogramTests {
  @Test("Percentiles are at most an eighth above the exact ones", arguments: SeededGenerator.seeds)
  func percentiles(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let samples = AtomicHistogram()
    let times = (0..<5000).map { _ in random.next() >> UInt64(20 + random.below(40)) }
    for time in times { samples.add(nanoseconds: time) }
    let histogram = samples.read()
    let sorted = times.sorted()
    #expect(histogram.count == 5000)
    #expect(histogram.maximum == .nanoseconds(Int64(sorted.last ?? 0)))
    #expect(histogram.sum == .nanoseconds(Int64(times.reduce(0, +))))
    #expect(histogram.mean == histogram.sum / 5000)
    #expect(histogram == LatencyHistogram(times.map { .nanoseconds(Int64($0)) }))
    for percentile in [1.0, 25, 50, 90, 99, 99.9, 100] {
      let rank = Int((Double(times.count) * percentile / 100).rounded(.up))
      let exact = sorted[rank - 1]
      let found = UInt64(histogram.percentile(percentile) / .nanoseconds(1))
      #expect(found >= exact, "p\(percentile), seed \(seed)")
      #expect(Double(found) <= Double(exact) * 1.125 + 1, "p\(percentile), seed \(seed)")
    }
    #expect(histogram.p50 == histogram.percentile(50))
    #expect(histogram.p99 == histogram.percentile(99))
  }

  @Test("Without samples every percentile is 0, and values out of range are clamped")
  func edges() {
    let samples = AtomicHistogram()
    #expect(samples.read().percentile(99) == .zero)
    for time in [0, 7, 8, 1 << 43, UInt64(Int64.max)] { samples.add(nanoseconds: time) }
    let histogram = samples.read()
    #expect(histogram.percentile(-5) == .zero)
    #expect(histogram.percentile(.nan) == .zero)
    #expect(histogram.percentile(500) <= histogram.maximum)
    #expect(histogram.maximum == Duration.nanoseconds(Int64.max))
  }
}

extension LatencyHistogramTests {
  @Test("Its buckets have bounds, next to one another, and hold all samples")
  func buckets() {
    let histogram = LatencyHistogram([
      .zero, .nanoseconds(-3), .nanoseconds(7), .nanoseconds(16), .nanoseconds(17),
      .microseconds(1),
      .seconds(9_000_000_000_000),
    ])
    let bounds = histogram.buckets.map(\.bounds)
    #expect(bounds[0] == .zero ... .zero)
    #expect(bounds[2] == .nanoseconds(16) ... .nanoseconds(17))
    #expect(bounds.last?.upperBound == histogram.maximum)
    #expect(histogram.buckets.map(\.count) == [2, 1, 2, 1, 1])
    #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
    for bucket in histogram.buckets.dropLast() {
      #expect(bucket.bounds.upperBound - bucket.bounds.lowerBound <= bucket.bounds.upperBound / 8)
    }
  }

  @Test("In JSON it gives bounds, sum and count, in nanoseconds")
  func json() throws {
    let histogram = LatencyHistogram([.nanoseconds(3), .nanoseconds(1000), .nanoseconds(1001)])
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let data = try encoder.encode(histogram)
    #expect(
      String(decoding: data, as: UTF8.self)
        == #"{"buckets":[{"count":1,"fromNanoseconds":3,"throughNanoseconds":3},"#
        + #"{"count":2,"fromNanoseconds":960,"throughNanoseconds":1001}],"#
        + #""count":3,"maximumNanoseconds":1001,"sumNanoseconds":2004}"#)
    #expect(try JSONDecoder().decode(LatencyHistogram.self, from: data) == histogram)
  }

  @Test(
    "JSON that contradicts itself is refused",
    arguments: [
      #"{"count":2,"sumNanoseconds":3,"maximumNanoseconds":3,"buckets":[]}"#,
      #"{"count":1,"sumNanoseconds":3,"maximumNanoseconds":3,"buckets":"#
        + #"[{"count":1,"fromNanoseconds":3,"throughNanoseconds":4}]}"#,
      #"{"count":-1,"sumNanoseconds":3,"maximumNanoseconds":3,"buckets":"#
        + #"[{"count":-1,"fromNanoseconds":3,"throughNanoseconds":3}]}"#,
      #"{"count":-2,"sumNanoseconds":3,"maximumNanoseconds":3,"buckets":"#
        + #"[{"count":9223372036854775807,"fromNanoseconds":3,"throughNanoseconds":3},"#
        + #"{"count":9223372036854775807,"fromNanoseconds":4,"throughNanoseconds":4}]}"#,
      #"{"count":2,"sumNanoseconds":3,"maximumNanoseconds":3,"buckets":"#
        + #"[{"count":1,"fromNanoseconds":3,"throughNanoseconds":3},"#
        + #"{"count":1,"fromNanoseconds":3,"throughNanoseconds":3}]}"#,
    ])
  func contradictions(_ text: String) {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(LatencyHistogram.self, from: Data(text.utf8))
    }
  }

  @Test("What was added since an earlier reading is told")
  func interval() {
    let samples = AtomicHistogram()
    for time in [5, 100, 7000] as [UInt64] { samples.add(nanoseconds: time) }
    let earlier = samples.read()
    for time in [6, 110] as [UInt64] { samples.add(nanoseconds: time) }
    let interval = samples.read().since(earlier)
    #expect(interval.count == 2)
    #expect(interval.sum == .nanoseconds(116))
    #expect(interval.maximum == .nanoseconds(111))
    #expect(interval.p50 == .nanoseconds(6))
    #expect(earlier.since(samples.read()).count == 0)
    #expect(earlier.since(samples.read()).sum == .zero)
  }
}

@Suite("SnapshotError")
struct SnapshotErrorTests {
  @Test("An error says what was tried, what is wrong, what to do, and what the system said")
  func description() throws {
    let error = #expect(throws: SnapshotError.self) { _ = try MemoryRegion(byteCount: 0) }
    #expect(
      try #require(error).description.hasPrefix("MemoryRegion(byteCount:): a region has 1 to"))
    #expect(error?.bytesWritten == nil)
    let failed = SnapshotError.systemCall("mmap", .noMemory)
    #expect(failed.code == .outOfResources)
    #expect(failed.description.contains("RLIMIT_AS"))
    #expect(failed.description.hasSuffix("(\(Errno.noMemory))"))
    #expect(SnapshotError.systemCall("open", .tooManyOpenFiles).message.contains("RLIMIT_NOFILE"))
    #expect(SnapshotError.systemCall("ioctl", .invalidArgument).code == .systemCall)
  }

  @Test("A buffer that is too small says how small")
  func smallBuffer() throws {
    let snapshot = try MemoryRegion(pages: 1).makeSnapshot()
    let error = #expect(throws: SnapshotError.self) {
      try unsafe snapshot.copyBytes(
        in: 0..<8, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("0 bytes, the range 8") == true)
  }
}

@Suite("UserfaultSupport")
struct UserfaultSupportTests {
  @Test("What was found survives encoding")
  func coding() throws {
    let support = UserfaultSupport()
    let data = try JSONEncoder().encode(support)
    #expect(try JSONDecoder().decode(UserfaultSupport.self, from: data) == support)
  }

  @Test("Whether system calls may write follows from how the descriptor was opened")
  func systemCalls() {
    let support = UserfaultSupport()
    #expect(
      support.systemCallsMayWrite == (support.method == .device || support.method == .systemCall))
    for backing in MemoryRegion.Backing.allCases { #expect(support.supports(backing)) }
    #expect(support.description.contains("UFFD_FEATURE_PAGEFAULT_FLAG_WP"))
  }

  @Test("When nothing works, the advice names every way that was tried and what to allow")
  func advice() {
    let attempts: [UserfaultSupport.Attempt] = [
      .init(method: .device, errno: .noSuchFileOrDirectory),
      .init(method: .systemCall, errno: .notPermitted),
      .init(method: .userModeOnly, errno: .noFunction),
    ]
    let advice = UserfaultSupport.advice(after: attempts)
    for word in ["/dev/userfaultfd", "UFFD_USER_MODE_ONLY", "CAP_SYS_PTRACE", "seccomp", "sysctl"] {
      #expect(advice.contains(word))
    }
  }
}
