import Foundation
@testable import MemorySnapshots
import SnapshotStress
import Synchronization
import Testing

@Suite("Letting snapshots go", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct DepartureTests {
  @Test("Whoever takes the control lock again and again lets those that wait have it in between")
  func letsOthersPass() async throws {
    let lock = ControlLock()
    let holds = Shared(0)
    let waits = Shared(0)
    let passed = Shared(0)
    let rounds = 500
    let other = startThread {
      for round in 1...rounds {
        while holds.now < round { sched_yield() }
        waits.advance(to: round)
        lock.withLock { _ in passed.advance(to: round) }
      }
    }
    let missed = try await onThread {
      var missed = 0
      for round in 1...rounds {
        lock.withLock { _ in
          holds.advance(to: round)
          while waits.now < round || lock.waitingThreads == 0 { sched_yield() }
        }
        lock.letOthersPass()
        lock.withLock { _ in if passed.now < round { missed += 1 } }
        while passed.now < round { sched_yield() }
      }
      return missed
    }
    try await other.value
    #expect(missed == 0)
  }

  @Test(
    "Memory of versions that live in a closed view is unmapped when the last of them goes",
    arguments: RegionMode.tested(.sharedMemory))
  func unmapsClosedViews(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let region = try MemoryRegion(pages: 64, mode)
      region.fillPages(0..<64, with: 1)
      func round() throws {
        let older = try region.makeSnapshot()
        let viewed = try region.makeSnapshot()
        do {
          let view = try viewed.makeView()
          region.fillPages(0..<64, with: 2)
          #expect(view.word(ofPage: 5) == 0x0101_0101_0101_0101)
        }
        viewed.release()
        #expect(try older.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
        try region.restore(to: older)
        older.release()
      }
      try round()
      let before = ProcessResources.now()
      for _ in 0..<64 { try round() }
      #expect(await ProcessResources.stayed(before))
      #expect(region.statistics.preservedBytes == 0)
    }
  }

  @Test(
    "A snapshot that was released goes when room is wanted, also before its releaser comes to it",
    arguments: RegionMode.tested(guessing: false))
  func releaserStopped(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let region = try MemoryRegion(pages: 16, mode) { $0.storeLimit = 8 * pageSize }
      region.fillPages(0..<16, with: 1)
      let snapshot = try region.makeSnapshot()
      region.fillPages(0..<8, with: 2)
      // As `release()` does, stopped half-way: by a signal whose handler writes to the region, say.
      let isReleased = snapshot.record.value.usage.release()
      #expect(isReleased)
      region.fillPages(8..<16, with: 2)
      #expect(region.statistics.snapshotsInvalidated == 0)
      #expect(await eventually { region.statistics.preservedBytes == 0 })
      region.state.value.drop(snapshot.record)
      #expect(region.statistics.snapshotsLive == 0)
    }
  }

  #if DEBUG
    @Test(
      "Between two steps of a release, another thread takes a snapshot and reads it",
      arguments: RegionMode.tested)
    func snapshotBetweenSteps(_ mode: RegionMode) async {
      await #expect(processExitsWith: .success) { [mode] in
        endIfHanging()
        let pages = 64
        let region = try MemoryRegion(pages: pages, mode)
        // The first way goes through the newer snapshot's versions, the second through the older's: of
        // pages that the newer has no version of, those that are made between the steps must stay.
        for (changedBefore, changedAfter) in [(pages, 0..<pages), (pages / 2, 20..<pages)] {
          region.fillPages(0..<pages, with: 1)
          let older = try region.makeSnapshot()
          for page in 0..<changedBefore { region[page] = 2 }
          let newer = try region.makeSnapshot()
          for page in changedAfter { region[page] = 3 }
          let steps = Shared(0)
          let takenBetween = Mutex<[(snapshot: MemorySnapshot, words: [UInt64])]>([])
          DepartureSteps.shorten(to: 4) {
            steps.increment()
            // In another thread, which waits for ever if the lock is held.
            let isDone = Shared(false)
            let thread = Thread {
              do {
                let words = (0..<pages).map { region[$0] }
                let taken = try region.makeSnapshot()
                // Kept: its release would have steps of its own.
                takenBetween.withLock { $0.append((taken, words)) }
                for page in 0..<pages { region[page] += 1 }
                #expect(try taken.word(ofPage: 7) == words[7])
                #expect(try older.word(ofPage: pages - 1) == 0x0101_0101_0101_0101)
                isDone.set()
              } catch {
                Issue.record("\(error)")
              }
            }
            thread.start()
            while !isDone.isSet { sched_yield() }
          }
          newer.release()
          // All versions of the newer, or as many as the older has, four at a time.
          #expect(steps.now >= changedBefore / 4 - 1, "\(steps.now) steps")
          DepartureSteps.shorten(to: 512) {}
          #expect(try older.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
          for (snapshot, words) in takenBetween.withLock({ $0 }) {
            #expect(try (0..<pages).map { try snapshot.word(ofPage: $0) } == words)
          }
          older.release()
          takenBetween.withLock { $0 = [] }
          #expect(await eventually { region.statistics.snapshotsLive == 0 })
          #expect(region.statistics.preservedBytes == 0)
        }
      }
    }

    @Test(
      "A snapshot that is given up goes entirely, though nobody asks for room again",
      arguments: RegionMode.tested(guessing: false))
    func keeperGoesOn(_ mode: RegionMode) async {
      await #expect(processExitsWith: .success) { [mode] in
        endIfHanging()
        DepartureSteps.shorten(to: 1) {}
        let region = try MemoryRegion(pages: 32, mode) { $0.storeLimit = 24 * pageSize }
        region.fillPages(0..<32, with: 1)
        let snapshot = try region.makeSnapshot()
        for page in 0..<25 { region[page] = 2 }
        #expect(snapshot.isInvalidated)
        #expect(await eventually { region.statistics.preservedBytes == 0 })
      }
    }

    @Test(
      "What the keeper has begun to let go of has gone when the last reference to it goes",
      arguments: RegionMode.tested)
    func referenceGoes(_ mode: RegionMode) async {
      await #expect(processExitsWith: .success) { [mode] in
        endIfHanging()
        DepartureSteps.shorten(to: 1) {}
        let region = try MemoryRegion(pages: 32, mode)
        region.fillPages(0..<32, with: 1)
        var snapshot: MemorySnapshot? = try region.makeSnapshot()
        for page in 0..<25 { region[page] = 2 }
        let record = try #require(snapshot).record
        // As the keeper does, but for going on.
        region.state.value.timeline.control.withLock { snapshots in
          let isInvalidated = record.value.usage.invalidate()
          #expect(isInvalidated)
          region.state.value.begin(departureOf: record, in: &snapshots)
        }
        #expect(try #require(snapshot).isInvalidated)
        #expect(region.statistics.preservedBytes > 0)
        snapshot = nil
        #expect(region.statistics.preservedBytes == 0)
      }
    }

    struct Setup: Codable, Sendable, CustomTestStringConvertible {
      var mode: RegionMode
      var limit: Int?
      var seed: UInt64
      var testDescription: String {
        "\(mode.testDescription), limit: \(limit.map(String.init) ?? "none"), seed \(seed)"
      }
      static let all = SeededGenerator.seeds.enumerated().flatMap { turn, seed in
        RegionMode.tested.enumerated().map { number, mode in
          Setup(mode: mode, limit: (turn + number) % 2 == 0 ? nil : 40, seed: seed)
        }
      }
    }

    @Test(
      "Snapshots taken, read, released and given up between any two steps read as the model has them",
      arguments: Setup.all)
    func randomInterleavings(_ setup: Setup) async {
      await #expect(processExitsWith: .success) { [setup] in
        endIfHanging()
        try await onThread { try SteppingModel(setup.mode, setup.limit, setup.seed).run() }
      }
    }
  #endif
}

#if DEBUG
  /// A region whose snapshots go by a version or two a step, with operations of all kinds between the
  /// steps, nested as they come. One thread; the keeper is a second.
  private final class SteppingModel: Sendable {
    private struct Past: Sendable {
      let snapshot: MemorySnapshot
      let words: [UInt64]
      var view: SnapshotView?
    }
    private struct State: Sendable {
      var random: SeededGenerator
      var words: [UInt64]
      var past: [Past] = []
      var depth = 0
      var nestedSteps = 0
      var givenUp = 0
    }

    private static let pageCount = 24
    private let region: MemoryRegion
    private let state: Mutex<State>
    private let context: String

    init(_ mode: RegionMode, _ limit: Int?, _ seed: UInt64) throws {
      region = try MemoryRegion(pages: SteppingModel.pageCount, mode) {
        $0.storeLimit = limit.map { $0 * pageSize }
      }
      context = "\(mode.testDescription), limit \(limit ?? -1), seed \(seed)"
      let words = (1...SteppingModel.pageCount).map(UInt64.init)
      for page in words.indices { region[page] = words[page] }
      state = Mutex(State(random: SeededGenerator(seed: seed), words: words))
    }

    func run() throws {
      DepartureSteps.shorten(to: below(3) + 1) { [unowned self] in step() }
      for _ in 0..<(runsLongTests ? 6_000 : 800) { try perform() }
      DepartureSteps.shorten(to: 512) {}
      let rest = state.withLock { state in
        defer { state.past = [] }
        return state.past
      }
      for past in rest { try check(past) }
      for past in rest { past.snapshot.release() }
      let (steps, givenUp) = state.withLock { ($0.nestedSteps, $0.givenUp) }
      #expect(steps > 50, "\(context): \(steps) steps")
      let isLimited = region.options.storeLimit != nil
      #expect((givenUp > 0) == isLimited, "\(context): \(givenUp) given up")
    }

    private func below(_ limit: Int) -> Int { state.withLock { $0.random.below(limit) } }

    private func step() {
      let mayGoOn = state.withLock { state in
        guard state.depth < 4, state.random.below(2) == 0 else { return false }
        state.depth += 1
        state.nestedSteps += 1
        return true
      }
      guard mayGoOn else { return }
      do { try perform() } catch { Issue.record("\(context): \(error)") }
      state.withLock { $0.depth -= 1 }
    }

    private func perform() throws {
      let count = state.withLock { $0.past.count }
      switch below(10) {
      case 0...1 where count < 10, _ where count == 0: try take()
      case 2...5: write()
      case 6...7: release()
      case 8: toggleView()
      default:
        if let past = pick() { try check(past) }
      }
    }

    private func take() throws {
      let snapshot = try region.makeSnapshot()
      state.withLock { $0.past.append(Past(snapshot: snapshot, words: $0.words)) }
    }

    private func write() {
      for _ in 0...below(8) {
        let page = below(SteppingModel.pageCount)
        let word = UInt64(below(1 << 30))
        region[page] = word
        state.withLock { $0.words[page] = word }
      }
    }

    private func release() {
      let gone: Past? = state.withLock { state in
        guard !state.past.isEmpty else { return nil }
        return state.past.remove(at: state.random.below(state.past.count))
      }
      gone?.snapshot.release()
    }

    private func toggleView() {
      let index = state.withLock { $0.past.isEmpty ? nil : $0.random.below($0.past.count) }
      guard let index else { return }
      let past = state.withLock { $0.past[index] }
      let view = past.view == nil ? try? past.snapshot.makeView() : nil
      let old: SnapshotView? = state.withLock { state in
        defer { state.past[index].view = view }
        return state.past[index].view
      }
      _ = old
    }

    private func pick() -> Past? {
      state.withLock { $0.past.isEmpty ? nil : $0.past[$0.random.below($0.past.count)] }
    }

    private func check(_ past: Past) throws {
      let pages = 0..<SteppingModel.pageCount
      if let view = past.view {
        #expect(pages.allSatisfy { view.word(ofPage: $0) == past.words[$0] }, "\(context)")
      }
      do {
        let words = try pages.map { try past.snapshot.word(ofPage: $0) }
        #expect(words == past.words, "\(context)")
      } catch let error as SnapshotError where error.code == .invalidated {
        state.withLock { $0.givenUp += 1 }
        #expect(region.options.storeLimit != nil && past.view == nil, "\(context)")
      } catch let error as SnapshotError where error.code == .released {
      }
    }
  }
#endif
