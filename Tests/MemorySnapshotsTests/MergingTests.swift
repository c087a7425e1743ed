import CTestSupport
import CUserfault
import Foundation
import MemorySnapshots
import ScenarioSupport
import Testing

/// Samepage merging (KSM): the kernel puts one page in the place of equal ones, and forgets that they
/// were protected. Each test in a process of its own, whose memory it lets be merged.
@Suite(
  "Samepage merging", .serialized,
  .enabled(if: geteuid() == 0, "switching samepage merging on takes root"),
  .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct MergingTests {
  enum Way: String, CaseIterable, Codable { case advice, process }

  /// What is done first after pages were merged and written to.
  enum Use: String, CaseIterable, Codable {
    case copy, write, consume, handOut, changes, changesBetween, restore, view, check
    /// What would hide the loss, and then a look.
    case prepare, snapshot
  }

  private static let pageCount = 256

  /// Lets all memory of the process be merged, or that of a region.
  private static func optIn(_ way: Way, _ region: MemoryRegion) throws {
    switch way {
    case .advice:
      #expect(unsafe madvise(region.baseAddress, region.byteCount, MADV_MERGEABLE) == 0)
    case .process:
      try #require(test_support_merge_everything(true) == 0)
    }
  }

  /// The pages of a region that are not protected.
  private static func openPages(_ region: MemoryRegion) -> [Int] {
    var entries = [UInt64](repeating: 0, count: pageCount)
    let first = unsafe UInt64(UInt(bitPattern: region.baseAddress)) / UInt64(pageSize)
    #expect(
      unsafe cuserfault_read_pagemap(first, &entries, pageCount) == pageCount)
    return entries.indices.filter { entries[$0] & 1 << 57 == 0 }
  }

  private static func mergedPages() -> Int {
    for line in kernelFile("/proc/self/ksm_stat").split(separator: "\n")
    where line.hasPrefix("ksm_merging_pages") {
      return line.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }
    return 0
  }

  private static func fullScans() -> Int {
    Int(kernelFile("/sys/kernel/mm/ksm/full_scans").split(separator: "\n").first ?? "") ?? 0
  }

  private func whileMerging(_ body: () async throws -> Void) async throws {
    try await withSystemState {
      let merging = try SamepageMerging()
      defer { merging.putBack() }
      try await body()
    }
  }

  private static func use(
    _ use: Use, _ region: MemoryRegion, _ snapshot: MemorySnapshot, _ later: MemorySnapshot
  ) throws {
    let file = try TemporaryFile()
    switch use {
    case .copy: _ = try snapshot.word(ofPage: 200)
    case .write: try snapshot.write(to: file.descriptor)
    case .consume: try later.consume(to: file.descriptor)
    case .handOut: try unsafe later.handOut()
    case .changes:
      #expect(try region.changedRanges(since: snapshot) == [0..<region.byteCount])
      _ = try snapshot.word(ofPage: 0)
    case .changesBetween:
      #expect(try later.changedRanges(since: snapshot) == [0..<region.byteCount])
      _ = try snapshot.word(ofPage: 0)
    case .restore: try region.restore(to: snapshot)
    case .view: _ = try snapshot.makeView()
    case .check: try region.checkConsistency()
    case .prepare:
      try region.prepareToWrite(0..<region.byteCount)
      _ = try snapshot.word(ofPage: 200)
    case .snapshot:
      // Some pages are protected anew, and those in between must not be.
      let third = try region.makeSnapshot()
      defer { withExtendedLifetime(third) {} }
      _ = try snapshot.bytes(in: pageSize..<60 * pageSize)
    }
  }

  @Test(
    "Snapshots of pages that were merged and written to are void, and say why, whatever is done first",
    arguments: Way.allCases, Use.allCases)
  func merged(_ way: Way, _ use: Use) async throws {
    try await whileMerging {
      await #expect(processExitsWith: .success) { [way, use] in
        endIfHanging()
        for mode in RegionMode.tested(.anonymous) {
          let region = try MemoryRegion(pages: MergingTests.pageCount, mode)
          region.fillPages(0..<MergingTests.pageCount, with: 1)
          let snapshot = try region.makeSnapshot()
          let later = try region.makeSnapshot()
          // Dirty pages, with gaps between them.
          for page in stride(from: 0, to: 64, by: 4) { region[page] = 2 }
          // Nothing is wrong before, which is known for a moment.
          #expect(try snapshot.word(ofPage: 200) == 0x0101_0101_0101_0101)
          try MergingTests.optIn(way, region)
          let written = MergingTests.openPages(region).count
          #expect(
            await eventually(within: .seconds(120)) {
              let open = MergingTests.openPages(region)
              return open.count >= written + 100 && open.contains(200) && open.contains(30)
            })
          for page in 0..<MergingTests.pageCount { region[page] = 3 }
          let error = #expect(throws: SnapshotError.self, "\(mode.testDescription)") {
            try MergingTests.use(use, region, snapshot, later)
          }
          #expect(error?.code == .protectionLost)
          #expect(error?.message.contains("KSM") == true)
          #expect(snapshot.isInvalidated)
          #expect(try region.changedRanges(since: snapshot) == [0..<region.byteCount])
          if way == .process { _ = test_support_merge_everything(false) }
        }
      }
    }
  }

  @Test(
    "Regions opt out: merging that was allowed before they were made leaves them alone",
    arguments: Way.allCases)
  func optedOut(_ way: Way) async throws {
    try await whileMerging {
      await #expect(processExitsWith: .success) { [way] in
        endIfHanging()
        if way == .process { try #require(test_support_merge_everything(true) == 0) }
        for mode in RegionMode.tested(.anonymous) {
          let memory = try TestMapping(.anonymous, pages: MergingTests.pageCount)
          // Memory beside it that is merged tells when the kernel has been here.
          let other = try TestMapping(.anonymous, pages: MergingTests.pageCount)
          for mapping in [memory, other] {
            mapping.fill(with: 1)
            if way == .advice {
              #expect(
                unsafe madvise(mapping.buffer.baseAddress, mapping.buffer.count, MADV_MERGEABLE)
                  == 0)
            }
          }
          let region =
            way == .advice
            ? unsafe try MemoryRegion(adopting: memory.buffer, options: mode.options)
            : try MemoryRegion(pages: MergingTests.pageCount, mode)
          region.fillPages(0..<MergingTests.pageCount, with: 1)
          let snapshot = try region.makeSnapshot()
          #expect(await eventually { MergingTests.mergedPages() >= 200 })
          let scans = MergingTests.fullScans()
          #expect(await eventually { MergingTests.fullScans() >= scans + 3 })
          for page in 0..<MergingTests.pageCount { region[page] = 3 }
          #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
          #expect(try snapshot.makeView().bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
          #expect(
            try pages(of: region.changedRanges(since: snapshot)).count == MergingTests.pageCount)
          try region.checkConsistency()
          #expect(!snapshot.isInvalidated)
          withExtendedLifetime(other) {}
        }
      }
    }
  }

  @Test("Shared memory is never merged, whoever allows it", arguments: Way.allCases)
  func shared(_ way: Way) async throws {
    try await whileMerging {
      await #expect(processExitsWith: .success) { [way] in
        endIfHanging()
        let region = try MemoryRegion(pages: MergingTests.pageCount)
        region.fillPages(0..<MergingTests.pageCount, with: 1)
        let snapshot = try region.makeSnapshot()
        try MergingTests.optIn(way, region)
        let scans = MergingTests.fullScans()
        let other = try TestMapping(.anonymous, pages: MergingTests.pageCount)
        other.fill(with: 1)
        _ = unsafe madvise(other.buffer.baseAddress, other.buffer.count, MADV_MERGEABLE)
        #expect(await eventually { MergingTests.fullScans() >= scans + 3 })
        for page in 0..<MergingTests.pageCount { region[page] = 3 }
        #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
        #expect(!snapshot.isInvalidated)
        withExtendedLifetime(other) {}
      }
    }
  }

  @Test(
    "While writers run and pages are merged, a snapshot reads as it was or throws",
    arguments: Way.allCases)
  func whileWriting(_ way: Way) async throws {
    try await whileMerging {
      await #expect(processExitsWith: .success) { [way] in
        endIfHanging()
        for mode in RegionMode.tested(.anonymous) {
          var lost = 0
          for round in 0..<(runsLongTests ? 40 : 2) {
            let region = try MemoryRegion(pages: MergingTests.pageCount, mode)
            region.fillPages(0..<MergingTests.pageCount, with: 1)
            let snapshot = try region.makeSnapshot()
            let stop = Shared(false)
            try await onThreads(3) { index in
              if index > 0 {
                // From the ends on, over and over: guesses go ahead of the writers.
                var page = 0
                while !stop.isSet {
                  let number = index == 1 ? page : MergingTests.pageCount - 1 - page
                  region.store(UInt64(round + 2), at: number * pageSize + 8 * index)
                  if page.isMultiple(of: 8) { yieldThread() }
                  page = (page + 1) % MergingTests.pageCount
                }
                return
              }
              defer { stop.set() }
              try MergingTests.optIn(way, region)
              for _ in 0..<50 {
                guard let bytes = try? snapshot.bytes(in: 0..<region.byteCount) else { break }
                #expect(bytes.allSatisfy { $0 == 1 })
              }
            }
            if snapshot.isInvalidated { lost += 1 }
            if way == .process { _ = test_support_merge_everything(false) }
          }
          print("\(mode.testDescription), \(way): \(lost) snapshots lost")
        }
      }
    }
  }
}
