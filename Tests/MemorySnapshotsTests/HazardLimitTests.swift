import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// Hazard 10: limits that the system sets. Each test in a process of its own.
@Suite("Hazards of limits", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct HazardLimitTests {
  @Test("Without descriptors, a region is refused as out of resources, and nothing is lost")
  func descriptors() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for hasHandler in [false, true] {
        let other = hasHandler ? try MemoryRegion(pages: 1) : nil
        for mode in RegionMode.tested {
          #expect(try HazardLimitTests.makeRegionsNearDescriptorLimit(mode) >= 1)
          let before = ProcessResources.now()
          for _ in 0..<8 { _ = try HazardLimitTests.makeRegionsNearDescriptorLimit(mode) }
          #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
        }
        withExtendedLifetime(other) {}
      }
      // Asking while there was none has not made the library forget what the kernel offers.
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 4, mode)
        let snapshot = try region.makeSnapshot()
        region.set(1, to: 1)
        #expect(try snapshot.word(ofPage: 1) == 0)
      }
    }
  }

  /// The limit hits at each step of making a region in turn. Returns how often it does.
  private static func makeRegionsNearDescriptorLimit(_ mode: RegionMode) throws -> Int {
    var failures = 0
    let memory = try TestMapping(.anonymous, pages: 1)
    var saved = rlimit()
    #expect(unsafe getrlimit(.init(RLIMIT_NOFILE.rawValue), &saved) == 0)
    for spare in 0..<8 {
      let free = dup(0)
      close(free)
      var limit = rlimit(rlim_cur: rlim_t(Int(free) + spare), rlim_max: saved.rlim_max)
      #expect(unsafe setrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0)
      for isAdopted in [false, true] {
        do throws(SnapshotError) {
          _ =
            isAdopted
            ? try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
            : try MemoryRegion(pages: 1, mode)
        } catch {
          failures += 1
          #expect(error.code == .outOfResources, "\(error)")
          #expect(error.errno == .tooManyOpenFiles, "\(error)")
        }
      }
      #expect(unsafe setrlimit(.init(RLIMIT_NOFILE.rawValue), &saved) == 0)
    }
    return failures
  }

  @Test("A region larger than files may be is refused as out of resources, without SIGXFSZ")
  func fileSize() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      // Whoever has started the tests may ignore it, and the threads of tasks have it blocked.
      signal(SIGXFSZ, SIG_DFL)
      var tooLarge = sigset_t()
      unsafe sigaddset(&tooLarge, SIGXFSZ)
      #expect(unsafe pthread_sigmask(SIG_UNBLOCK, &tooLarge, nil) == 0)
      var limit = rlimit(rlim_cur: rlim_t(4 * pageSize), rlim_max: rlim_t(4 * pageSize))
      #expect(unsafe setrlimit(.init(RLIMIT_FSIZE.rawValue), &limit) == 0)
      for mode in RegionMode.tested {
        do {
          let region = try MemoryRegion(pages: 8, mode)
          #expect(mode.backing == .anonymous)
          let snapshot = try region.makeSnapshot()
          region[7] = 1
          #expect(try snapshot.word(ofPage: 7) == 0)
        } catch let error as SnapshotError {
          #expect(mode.backing == .sharedMemory)
          #expect(error.code == .outOfResources)
          #expect(error.errno == .fileTooLarge)
          #expect(error.message.contains("RLIMIT_FSIZE"))
        }
        _ = try MemoryRegion(pages: 4, mode).makeSnapshot()
      }
    }
  }

  @Test("Without address space, regions and views are refused as out of resources")
  func addressSpace() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      // Kept to the end: what they let go of would be address space again, under the limit.
      let regions = try RegionMode.tested.map { try MemoryRegion(pages: 16_384, $0) }
      for (region, mode) in zip(regions, RegionMode.tested) {
        let snapshot = try region.makeSnapshot()
        let before = ProcessResources.now()
        var saved = rlimit()
        #expect(unsafe getrlimit(.init(RLIMIT_AS.rawValue), &saved) == 0)
        var limit = rlimit(
          rlim_cur: rlim_t(memoryStatus("VmSize") + (32 << 20)), rlim_max: saved.rlim_max)
        #expect(unsafe setrlimit(.init(RLIMIT_AS.rawValue), &limit) == 0)
        for _ in 0..<32 {
          let error = #expect(throws: SnapshotError.self) { _ = try snapshot.makeView() }
          #expect(error?.code == .outOfResources)
          let other = #expect(throws: SnapshotError.self) {
            _ = try MemoryRegion(pages: 16_384, mode)
          }
          #expect(other?.code == .outOfResources)
        }
        #expect(unsafe setrlimit(.init(RLIMIT_AS.rawValue), &saved) == 0)
        #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
        region.set(3, to: 3)
        #expect(try snapshot.makeView().word(ofPage: 3) == 0)
      }
    }
  }

  @Test(
    "When no memory is left for pre-images, the oldest snapshot goes and writers go on",
    arguments: RegionMode.tested)
  func storeMemory(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let pages = 64_000
      let region = try MemoryRegion(pages: pages, mode)
      region.fill(0..<region.byteCount, with: 1)
      let snapshot = try region.makeSnapshot()
      var limit = rlimit(
        rlim_cur: rlim_t(memoryStatus("VmSize") + (96 << 20)), rlim_max: .max)
      #expect(unsafe setrlimit(.init(RLIMIT_AS.rawValue), &limit) == 0)
      try await onThread { for page in 0..<pages { region.set(page, to: 2) } }
      #expect(snapshot.isInvalidated)
      #expect(region[pages - 1] == 2)
    }
  }
}
