import CTestSupport
import Foundation
import MemorySnapshots
import SnapshotStress
import Testing

/// Hazard 6: a forked child shares descriptors with its parent and must not act on it.
@Suite("Hazards of fork(2)", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct HazardForkTests {
  /// Runs `body` in a forked child. Returns the status that it ends with: 0 if `body` says true, 1 if
  /// it says false.
  private static func statusInChild(_ body: () -> Bool) -> Int32 {
    let child = fork()
    if child == 0 {
      alarm(20)
      _exit(body() ? 0 : 1)
    }
    var status: Int32 = -1
    while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
    return status
  }

  private static func isRefused(_ body: () throws -> Void) -> Bool {
    do {
      try body()
      return false
    } catch {
      return (error as? SnapshotError)?.code == .usedAfterFork
    }
  }

  @Test("No child is forked while a thread of the library is at work")
  func forksBetweenWork() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      #expect(test_support_children_forked_at_work(300) == 0)
    }
  }

  @Test("A child is refused by every operation, and the parent's snapshot is as before")
  func refused() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 8, mode)
        region.fillPages(0..<8, with: 1)
        let snapshot = try region.makeSnapshot()
        region.fillPages(0..<4, with: 2)
        let status = HazardForkTests.statusInChild {
          let file = try? TemporaryFile()
          guard let file else { return false }
          let isRefused = [
            HazardForkTests.isRefused { _ = try region.makeSnapshot() },
            HazardForkTests.isRefused { try region.restore(to: snapshot) },
            HazardForkTests.isRefused { try region.prepareToWrite(0..<1) },
            HazardForkTests.isRefused { try region.discard(0..<pageSize) },
            HazardForkTests.isRefused { _ = try snapshot.bytes(in: 0..<1) },
            HazardForkTests.isRefused { _ = try snapshot.makeView() },
            HazardForkTests.isRefused { try snapshot.write(to: file.descriptor) },
            HazardForkTests.isRefused { _ = try region.changedRanges(since: snapshot) },
            HazardForkTests.isRefused { _ = try snapshot.changedRanges(since: snapshot) },
          ]
          snapshot.release()
          return isRefused.allSatisfy { $0 }
        }
        #expect(status == 0)
        #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
        region.fillPages(4..<8, with: 3)
        #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
      }
    }
  }

  @Test("A child that a closure forks is refused when that returns, and leaves the file alone")
  func forkedInClosure() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 64, mode)
        region.fillPages(0..<64, with: 1)
        var child: pid_t = -1
        func forkOnce() {
          guard child < 0 else { return }
          child = fork()
          if child == 0 { alarm(20) }
        }
        func expectRefusal(_ operation: () throws -> Void) {
          child = -1
          let isRefused = HazardForkTests.isRefused(operation)
          if child == 0 { _exit(isRefused ? 0 : 1) }
          #expect(!isRefused)
          var status: Int32 = -1
          #expect(unsafe waitpid(child, &status, 0) == child)
          #expect(status == 0)
        }
        let handedOut = try region.makeSnapshot()
        expectRefusal { try unsafe handedOut.handOut { _, _ in forkOnce() } }
        let file = try TemporaryFile()
        let saved = try region.makeSnapshot()
        expectRefusal { try saved.write(to: file.descriptor) { _ in forkOnce() } }
        saved.release()
        #expect(try file.size() == region.byteCount)
        let consumed = try region.makeSnapshot()
        expectRefusal { try consumed.consume(to: file.descriptor) { _ in forkOnce() } }
        #expect(try file.size() == 2 * region.byteCount)
        #expect(region.statistics.snapshotsLive == 0)
      }
    }
  }

  @Test("A child does not have the region's memory")
  func notMapped() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 8, mode)
        let status = HazardForkTests.statusInChild {
          // Reading there ends the child.
          signal(SIGSEGV, SIG_DFL)
          return region[0] == 0
        }
        #expect(status & 0x7f == SIGSEGV)
        region.set(0, to: 1)
      }
    }
  }

  @Test("A child's own regions work, and survive that it lets go of what it got from its parent")
  func ownRegions() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        var region: MemoryRegion? = try MemoryRegion(pages: 512, mode)
        var snapshot = try region?.makeSnapshot()
        var view = try snapshot.map { try $0.makeView() }
        let status = HazardForkTests.statusInChild {
          // Most likely at the address at which the parent's region is.
          guard let own = try? MemoryRegion(pages: 512, mode),
            let other = try? MemoryRegion(pages: 512, mode)
          else { return false }
          own.set(7, to: 1)
          other.set(7, to: 1)
          view = nil
          snapshot = nil
          region = nil
          guard let taken = try? own.makeSnapshot(), let twin = try? other.makeSnapshot() else {
            return false
          }
          own.set(7, to: 2)
          other.set(7, to: 2)
          return (try? taken.word(ofPage: 7)) == 1 && (try? twin.word(ofPage: 7)) == 1
            && own[7] == 2
        }
        #expect(status == 0)
        region?.set(7, to: 9)
        #expect(try snapshot?.word(ofPage: 7) == 0)
        #expect(view?.word(ofPage: 7) == 0)
      }
    }
  }

  @Test(
    "A process may fork while its regions are written to and snapshots are taken",
    arguments: RegionMode.tested)
  func forkMeanwhile(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let region = try MemoryRegion(pages: 256, mode)
      let stop = Shared(false)
      try await onThreads(3) { index in
        defer { stop.set() }
        var random = SeededGenerator(seed: UInt64(index))
        switch index {
        case 0: while !stop.isSet { region.set(random.below(256), to: random.next()) }
        case 1: while !stop.isSet { try region.makeSnapshot().release() }
        default: for _ in 0..<100 { #expect(HazardForkTests.statusInChild { true } == 0) }
        }
      }
    }
  }
}
