import Foundation
import MemorySnapshots
import SystemPackage
import Testing

#if DEBUG
  @Suite("Every acquisition refused in turn", .timeLimit(.minutes(runsLongTests ? 10 : 5)))
  struct ForcedFailureTests {
    @Test("Whatever a region or a view cannot get, the error says which step, and nothing leaks")
    func eachInTurn() async {
      await #expect(processExitsWith: .success) {
        endIfHanging()
        var operations: Set<String> = []
        for backing in MemoryRegion.Backing.allCases {
          for delivery in MemoryRegion.FaultDelivery.allCases {
            let options = MemoryRegion.Options(
              backing: backing, faultDelivery: delivery, hasOwnHandler: true)
            // What is made once for the process, and the first threads' stacks.
            try ForcedFailureTests.attempt(options)
            let before = ProcessResources.now()
            var step = 0
            while !ForcedFailureTests.succeeds(options, failingAfter: step, &operations), step < 100
            { step += 1 }
            #expect(step > 8 && step < 100, "\(options)")
            #expect(
              await ProcessResources.stayed(before),
              "\(options): \(before), then \(ProcessResources.now())")
          }
        }
        let wanted: Set = [
          "mapping the region", "ioctl(UFFDIO_API)", "ioctl(UFFDIO_REGISTER)",
          "starting the fault handler", "mapping the page table", "mapping a view",
        ]
        #expect(operations.isSuperset(of: wanted), "\(operations)")
      }
    }

    private static func attempt(_ options: MemoryRegion.Options) throws {
      let region = try MemoryRegion(pages: 8, options: options)
      region.fillPages(0..<8, with: 1)
      let snapshot = try region.makeSnapshot()
      region.fillPages(0..<8, with: 2)
      let view = try snapshot.makeView()
      #expect(view.word(ofPage: 7) == 0x0101_0101_0101_0101)
    }

    /// True if nothing was left to fail.
    private static func succeeds(
      _ options: MemoryRegion.Options, failingAfter count: Int, _ operations: inout Set<String>
    ) -> Bool {
      ForcedFailure.failAcquisition(after: count, with: .noMemory)
      defer { ForcedFailure.end() }
      do {
        try attempt(options)
        // Another way to open a descriptor was taken, or the keeper has tried again.
        return !ForcedFailure.hasHappened
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
