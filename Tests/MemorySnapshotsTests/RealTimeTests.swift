import CTestSupport
import Foundation
import Synchronization
import Testing

@testable import MemorySnapshots

/// A thread of real-time priority that waits for an ordinary one on the same processor: unless it
/// sleeps, the other never goes on, but for the kernel's throttling after most of a second.
@Suite("Threads of real-time priority", .serialized, .timeLimit(.minutes(5)))
struct RealTimeTests {
  /// Whether this user may have SCHED_FIFO.
  static let isPermitted: Bool = {
    let status = test_support_become_realtime()
    _ = test_support_set_batch(false)
    return status == 0
  }()

  /// What the ordinary thread is in the middle of, and what the other one does meanwhile.
  enum Wait: String, CaseIterable, Codable, CustomTestStringConvertible {
    case pageBeingPreserved = "an inline fault, for a page that is being preserved"
    case lockedPage = "an inline fault, for a page whose versions are being unlinked"
    case listBeingChanged = "an inline fault, for the list of ranges"
    case preparedPage = "a preparation, for a page that is being preserved"
    case releasedPage = "a release, for a page that is being preserved"
    case linksBeingChanged = "a reader, for links that are being changed"
    case faultBeingResolved = "letting a region go, for a fault that is being resolved"
    case listBeingSearched = "letting a region go, for a search of the list of ranges"

    var testDescription: String { rawValue }
  }

  /// A region whose first page has a version and is protected anew.
  private struct Subject {
    let region: MemoryRegion
    let snapshot: MemorySnapshot
    let later: MemorySnapshot
    let faults: InlineFaults

    init() throws {
      region = try MemoryRegion(
        pages: 4, RegionMode(delivery: .inline, preservesAhead: false, preservesHotPages: false))
      snapshot = try region.makeSnapshot()
      region[0] = 1
      later = try region.makeSnapshot()
      faults = InlineFaults(try ProcessMemory.get())
    }
  }

  @Test(
    "One that waits for an ordinary thread sleeps, and so lets that go on",
    .enabled(if: isPermitted, "SCHED_FIFO takes privilege"), arguments: Wait.allCases)
  func sleeps(_ wait: Wait) async {
    await #expect(processExitsWith: .success) { [wait] in
      endIfHanging()
      var sleeps = 0
      // Once would do, but that the kernel may throttle the thread just before it waits.
      for _ in 0..<8 where sleeps == 0 { sleeps = try await RealTimeTests.sleeps(in: wait) }
      #expect(sleeps > 0)
    }
  }

  /// Has an ordinary thread hold something while one of real-time priority waits for that on the same
  /// processor. Returns how often the latter slept.
  private static func sleeps(in wait: Wait) async throws -> Int {
    let processor = test_support_first_processor(0)
    let subject = try Subject()
    let isHeld = Shared(false)
    let isWaiting = Shared(false)
    let holder = startThread {
      _ = test_support_pin(0, processor)
      let release = hold(wait, subject)
      isHeld.set()
      while !isWaiting.isSet { yieldThread() }
      release()
    }
    let sleeps = try await onThread {
      while !isHeld.isSet { yieldThread() }
      guard test_support_pin(0, processor) == 0, test_support_become_realtime() == 0 else {
        throw POSIXError(.EPERM)
      }
      let before = test_support_sleeps()
      // From here on, the holder runs only while this thread sleeps.
      isWaiting.set()
      try meet(wait, subject)
      return test_support_sleeps() - before
    }
    try await holder.value
    return sleeps
  }

  /// Begins what the other thread is to wait for. The closure ends it.
  private static func hold(_ wait: Wait, _ subject: Subject) -> () -> Void {
    let state = subject.region.state
    switch wait {
    case .pageBeingPreserved, .preparedPage: return claim(state, .resolving)
    case .releasedPage, .lockedPage: return claim(state, .locked)
    case .listBeingChanged:
      let list = subject.faults.list
      list.value.changes.beginChange()
      return {
        list.value.changes.endChange()
        subject.faults.waiters.wake()
      }
    case .linksBeingChanged:
      state.value.versions.links.beginChange()
      return {
        state.value.versions.links.endChange()
        state.value.versions.waiters.wake()
      }
    case .faultBeingResolved:
      state.value.inlineResolvers.add(1, ordering: .sequentiallyConsistent)
      return {
        state.value.inlineResolvers.subtract(1, ordering: .sequentiallyConsistent)
        subject.faults.waiters.wake()
      }
    case .listBeingSearched:
      let searches = subject.faults.searches
      let turn = searches.beginReading()
      return { searches.endReading(turn) }
    }
  }

  private static func claim(
    _ state: Reference<RegionState>, _ claim: PageWord.Claim
  ) -> () -> Void {
    let word = state.value.versions.table.word(0)
    let isClaimed = state.value.versions.table.claim(0, seen: word, claim)
    #expect(isClaimed)
    return {
      state.value.versions.table.store(0, word)
      state.value.versions.waiters.wake()
    }
  }

  private static func meet(_ wait: Wait, _ subject: Subject) throws {
    switch wait {
    case .pageBeingPreserved, .lockedPage, .listBeingChanged: subject.region.set(0, to: 2)
    case .preparedPage: try subject.region.prepareToWrite(0..<1)
    case .releasedPage: subject.snapshot.release()
    case .linksBeingChanged: #expect(try subject.snapshot.word(ofPage: 0) == 0)
    // As `MemoryRegion.deinit` does.
    case .faultBeingResolved, .listBeingSearched: InlineFaults.remove(subject.region.state)
    }
  }
}
