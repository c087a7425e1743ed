import Foundation
import MemorySnapshots
import SystemPackage
import Testing

#if DEBUG
  @Suite(
    "Every acquisition refused in turn", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
  struct ForcedFailureTests {
    @Test("Whatever a region or a view cannot get, the error says which step, and nothing leaks")
    func eachInTurn() async {
      await #expect(processExitsWith: .success) {
        endIfHanging()
        var operations: Set<String> = []
        for mode in RegionMode.tested {
          // What is made once for the process, and the first threads' stacks.
          try ForcedFailureTests.attempt(mode)
          let before = ProcessResources.now()
          var step = 0
          while !ForcedFailureTests.succeeds(mode, failingAfter: step, &operations), step < 100 {
            step += 1
          }
          #expect(step > 8 && step < 100, "\(mode)")
          #expect(
            await ProcessResources.stayed(before),
            "\(mode): \(before), then \(ProcessResources.now())")
        }
        let wanted: Set = [
          "mapping the region", "ioctl(UFFDIO_API)", "ioctl(UFFDIO_REGISTER)",
          "starting the fault handler", "mapping the page table", "mapping a view",
        ]
        #expect(operations.isSuperset(of: wanted), "\(operations)")
      }
    }

    /// What asks the kernel for a descriptor, a mapping, a registration or a thread.
    private static let acquisitions: [SystemCall] = [
      .mmap, .createMemoryFile, .openUserfault, .handshake, .register, .startThread, .createEpoll,
      .createEvent, .epollAdd,
    ]

    private static func attempt(_ mode: RegionMode) throws {
      let region = try MemoryRegion(pages: 8, mode) { $0.hasOwnHandler = true }
      region.fillPages(0..<8, with: 1)
      let snapshot = try region.makeSnapshot()
      region.fillPages(0..<8, with: 2)
      let view = try snapshot.makeView()
      #expect(view.word(ofPage: 7) == 0x0101_0101_0101_0101)
    }

    /// True if nothing was left to fail.
    private static func succeeds(
      _ mode: RegionMode, failingAfter count: Int, _ operations: inout Set<String>
    ) -> Bool {
      ForcedFailure.fail(acquisitions, after: count, with: .noMemory)
      defer { ForcedFailure.end() }
      do {
        try attempt(mode)
        // Another way to open a descriptor was taken, or the keeper has tried again.
        return ForcedFailure.count == 0
      } catch let error as SnapshotError where error.code == .invalidated {
        // The keeper had no memory for pre-images: the snapshot goes, its writers go on.
      } catch let error as SnapshotError {
        operations.insert(error.operation)
        #expect(error.code == .outOfResources, "\(error)")
        #expect(error.errno == .noMemory, "\(error)")
      } catch {
        Issue.record("\(error)")
      }
      return false
    }
  }
#endif
