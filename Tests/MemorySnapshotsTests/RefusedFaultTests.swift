import MemorySnapshots
import SystemPackage
import Testing

#if DEBUG
  /// What a waiting thread needs of the kernel, and does not get. Each test in a process of its own.
  @Suite("Refused in a fault", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
  struct RefusedFaultTests {
    @Test(
      "A page that the kernel never un-protects keeps no writer for ever: the snapshots are void",
      arguments: RegionMode.tested)
    func neverUnprotected(_ mode: RegionMode) async {
      await #expect(processExitsWith: .success) { [mode] in
        let watchdog = Watchdog()
        for error in [Errno.permissionDenied, .badAddress, .resourceTemporarilyUnavailable] {
          watchdog.beat("\(mode), \(error)")
          let region = try MemoryRegion(pages: 8, mode)
          region.fillPages(0..<8, with: 1)
          let snapshot = try region.makeSnapshot()
          ForcedFailure.fail([.writeUnprotect], times: .max, with: error)
          region.fillPages(2..<4, with: 2)
          ForcedFailure.end()
          #expect(region.bytes(in: 2 * pageSize..<4 * pageSize).allSatisfy { $0 == 2 })
          #expect(snapshot.isInvalidated)
          for body in [
            { _ = try snapshot.bytes(in: 0..<pageSize) }, { try region.restore(to: snapshot) },
            { _ = try region.makeSnapshot() }, { _ = try snapshot.makeView() },
          ] {
            let failure = #expect(throws: SnapshotError.self) { try body() }
            #expect(failure?.code == .protectionLost)
          }
        }
      }
    }

    @Test(
      "Where epoll takes no more descriptors, no region is made, and those that are there go on",
      arguments: RegionMode.tested(guessing: true), [true, false])
    func epollRefused(_ mode: RegionMode, _ hasOwnHandler: Bool) async {
      await #expect(processExitsWith: .success) { [mode, hasOwnHandler] in
        let watchdog = Watchdog()
        let region = try MemoryRegion(pages: 8, mode)
        region.fillPages(0..<8, with: 1)
        let snapshot = try region.makeSnapshot()
        let before = ProcessResources.now()
        for error in [Errno.noMemory, .noSpace] {
          watchdog.beat("\(mode), \(error)")
          // What fs.epoll.max_user_watches, memory that is short, or a filter may refuse.
          ForcedFailure.fail([.epollAdd, .epollModify], times: .max, with: error)
          for _ in 0..<4 {
            do {
              let other = try MemoryRegion(pages: 1, mode) { $0.hasOwnHandler = hasOwnHandler }
              other[0] = 1
              let own = try other.makeSnapshot()
              other[0] = 2
              #expect(try own.word(ofPage: 0) == 1)
            } catch let refusal as SnapshotError {
              #expect(refusal.code == .outOfResources || refusal.code == .systemCall, "\(refusal)")
            }
          }
          region.fillPages(2..<4, with: 2)
          #expect(try snapshot.bytes(in: 0..<snapshot.byteCount).allSatisfy { $0 == 1 })
          ForcedFailure.end()
        }
        region.fillPages(4..<8, with: 3)
        #expect(try snapshot.bytes(in: 0..<snapshot.byteCount).allSatisfy { $0 == 1 })
        #expect(!snapshot.isInvalidated)
        #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
      }
    }

    @Test(
      "A page that the kernel does not un-protect at first is un-protected in the end",
      arguments: RegionMode.tested)
    func unprotectedLate(_ mode: RegionMode) async {
      await #expect(processExitsWith: .success) { [mode] in
        let watchdog = Watchdog()
        for error in [Errno.permissionDenied, .noSuchFileOrDirectory] {
          watchdog.beat("\(mode), \(error)")
          let region = try MemoryRegion(pages: 8, mode)
          region.fillPages(0..<8, with: 1)
          let snapshot = try region.makeSnapshot()
          ForcedFailure.fail([.writeUnprotect], times: 20, with: error)
          region.fillPages(2..<4, with: 2)
          ForcedFailure.end()
          #expect(try snapshot.bytes(in: 0..<snapshot.byteCount).allSatisfy { $0 == 1 })
          #expect(!snapshot.isInvalidated)
        }
      }
    }

    @Test("A writer that waits for room goes on, though the kernel would not wake it at first")
    func wokenLate() async {
      await #expect(processExitsWith: .success) {
        let watchdog = Watchdog()
        watchdog.beat("a writer that waits for room")
        let region = try MemoryRegion(pages: 8) {
          $0.storeLimit = 2 * pageSize
          $0.whenStoreIsFull = .blockWriters
          // Else the keeper lifts the protection, which wakes, too.
          $0.tracksChangesWhenIdle = true
        }
        region.fillPages(0..<8, with: 1)
        let snapshot = try region.makeSnapshot()
        let done = Shared(false)
        let writer = startThread {
          region.fillPages(0..<8, with: 2)
          done.set()
        }
        #expect(await eventually { region.statistics.parkedFaults > 0 })
        ForcedFailure.fail([.wake], times: 5, with: .permissionDenied)
        #expect(!done.isSet)
        snapshot.release()
        try await writer.value
        ForcedFailure.end()
        #expect(ForcedFailure.count > 0)
        #expect(region.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 2 })
      }
    }
  }
#endif
