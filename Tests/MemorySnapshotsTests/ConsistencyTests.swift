import CTestSupport
import CUserfault
import Foundation
@testable import MemorySnapshots
import SnapshotStress
import Synchronization
import Testing

@Suite(
  "checkConsistency()", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ConsistencyTests {
  private func armed(_ mode: RegionMode, pages: Int = 64) throws -> (MemoryRegion, MemorySnapshot) {
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    return (region, try region.makeSnapshot())
  }

  @Test("A region in use passes at every step", arguments: RegionMode.tested)
  func passes(_ mode: RegionMode) throws {
    let pages = (80 << 20) / pageSize
    let region = try MemoryRegion(pages: pages, mode) { $0.tracksChangesWhenIdle = true }
    try region.checkConsistency()
    region.fillPages(0..<32, with: 1)
    let first = try region.makeSnapshot()
    try region.checkConsistency()
    // Pages that were never populated are protected, too; some are populated by being read.
    for page in [0, 40, 41, pages - 1] { region[page] = 2 }
    _ = region[50]
    try region.checkConsistency()
    let view = try first.makeView()
    let second = try region.makeSnapshot()
    for page in 0..<100 { region[page] = 3 }
    _ = view.word(ofPage: 90)
    try region.checkConsistency()
    try region.discard(0..<16 * pageSize)
    try region.restore(to: first)
    try region.checkConsistency()
    second.release()
    try region.checkConsistency()
    try unsafe first.makeView().withUnsafeBytes { _ in try region.checkConsistency() }
    first.release()
    try region.checkConsistency()
  }

  @Test(
    "A page that lost its protection is found and named, and voids the snapshots",
    arguments: RegionMode.tested)
  func finds(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    region.exemptFromAudit()
    region[3] = 2
    try region.checkConsistency()
    let descriptor = region.state.value.protection.descriptor
    let start = unsafe UInt64(UInt(bitPattern: region.baseAddress))
    #expect(
      cuserfault_write_unprotect(descriptor, start + UInt64(41 * pageSize), UInt64(pageSize)) == 0)
    let error = #expect(throws: SnapshotError.self) { try region.checkConsistency() }
    #expect(error?.code == .protectionLost)
    #expect(error?.message.contains("page 41 ") == true, "\(String(describing: error))")
    #expect(snapshot.isInvalidated)
    let refusal = #expect(throws: SnapshotError.self) { try snapshot.word(ofPage: 0) }
    #expect(refusal?.code == .protectionLost)
    // It is known by now.
    try region.checkConsistency()
  }

  @Test("Private pages that were dropped are found", arguments: RegionMode.tested(.anonymous))
  func findsDropped(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    region.exemptFromAudit()
    let end = unsafe region.baseAddress + 63 * pageSize
    #expect(unsafe madvise(end, pageSize, MADV_DONTNEED) == 0)
    let error = #expect(throws: SnapshotError.self) { try region.checkConsistency() }
    #expect(error?.message.contains("page 63 ") == true, "\(String(describing: error))")
    #expect(snapshot.isInvalidated)
  }

  @Test("What the library counts wrong is found", arguments: RegionMode.tested)
  func findsMiscount(_ mode: RegionMode) throws {
    let (region, snapshot) = try armed(mode)
    region.exemptFromAudit()
    for page in 0..<8 { region[page] = 2 }
    let state = region.state
    state.value.storeLimit.keptPages.subtract(1, ordering: .relaxed)
    var error = #expect(throws: SnapshotError.self) { try region.checkConsistency() }
    #expect(error?.code == .inconsistent)
    state.value.storeLimit.keptPages.add(1, ordering: .relaxed)
    state.value.versions.newCount.add(1, ordering: .relaxed)
    error = #expect(throws: SnapshotError.self) { try region.checkConsistency() }
    #expect(error?.message.contains("as long as") == true)
    state.value.versions.newCount.subtract(1, ordering: .relaxed)
    state.value.timeline.newestLiveEpoch.add(1, ordering: .relaxed)
    error = #expect(throws: SnapshotError.self) { try region.checkConsistency() }
    #expect(error?.message.contains("newest snapshot") == true)
    state.value.timeline.newestLiveEpoch.subtract(1, ordering: .relaxed)
    try region.checkConsistency()
    #expect(!snapshot.isInvalidated)
  }

  @Test(
    "Nothing is found while threads write and snapshots come and go", arguments: RegionMode.tested)
  func whileWriting(_ mode: RegionMode) async throws {
    let pages = 256
    let region = try MemoryRegion(pages: pages, mode)
    let stop = Shared(false)
    try await onThreads(4) { index in
      switch index {
      case 0, 1:
        var random = SeededGenerator(seed: SeededGenerator.seeds[index])
        while !stop.isSet { region.set(random.below(pages), to: random.next()) }
      case 2:
        var kept: [MemorySnapshot] = []
        while !stop.isSet {
          kept.append(try region.makeSnapshot())
          if kept.count > 4 { kept.remove(at: kept.count / 2) }
        }
      default:
        defer { stop.set() }
        for _ in 0..<(runsLongTests ? 5000 : 300) { try region.checkConsistency() }
      }
    }
  }

  @Test("Every region of the tests is checked when its snapshots and itself are let go of")
  func audited() async {
    await #expect(processExitsWith: .failure) {
      let (region, snapshot) = try ConsistencyTests().armed(RegionMode())
      let descriptor = region.state.value.protection.descriptor
      let start = unsafe UInt64(UInt(bitPattern: region.baseAddress))
      guard cuserfault_write_unprotect(descriptor, start, UInt64(pageSize)) == 0 else { exit(0) }
      snapshot.release()
      exit(0)
    }
  }
}
