import Foundation
import MemorySnapshots
import SnapshotStress
import Testing

/// Each test that counts what the process holds runs in a process of its own.
@Suite("Scale", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ScaleTests {
  @Test(
    "A thousand live snapshots are each right, and may be released in any order",
    arguments: RegionMode.tested)
  func thousandSnapshots(_ mode: RegionMode) async throws {
    try await onThread {
      let seed = SeededGenerator.seeds[2]
      var random = SeededGenerator(seed: seed)
      let region = try MemoryRegion(pages: 32, mode)
      var live: [Int: UInt64] = [:]
      var past: [(snapshot: MemorySnapshot, words: [Int: UInt64])] = []
      for _ in 0..<1000 {
        for _ in 0..<3 {
          let page = random.below(32)
          live[page] = random.next()
          region.set(page, to: live[page] ?? 0)
        }
        past.append((try region.makeSnapshot(), live))
      }
      #expect(region.statistics.snapshotsLive == 1000)
      past.shuffle(using: &random)
      while let (snapshot, words) = past.popLast() {
        for page in 0..<32 where try snapshot.word(ofPage: page) != words[page] ?? 0 {
          Issue.record("page \(page), \(past.count) snapshots left, seed \(seed)")
          return
        }
        snapshot.release()
        // Another one must not have lost anything by it.
        if let (other, words) = past.randomElement(using: &random) {
          let page = random.below(32)
          #expect(try other.word(ofPage: page) == words[page] ?? 0, "seed \(seed)")
        }
      }
      #expect(region.statistics.preservedBytes == 0)
    }
  }

  @Test("Five hundred regions are served by one handler thread")
  func manyRegions() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      var limit = rlimit()
      #expect(unsafe getrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0)
      limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 4096))
      #expect(unsafe setrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0)
      let first = try MemoryRegion(pages: 1)
      let before = ProcessResources.now()
      let regions = try (0..<500).map {
        try MemoryRegion(pages: 4, RegionMode.all[$0 % RegionMode.all.count])
      }
      #expect(ProcessResources.now().threads <= before.threads)
      let snapshots = try regions.map { try $0.makeSnapshot() }
      try await onThreads(4) { thread in
        for index in stride(from: thread, to: 500, by: 4) {
          regions[index].set(1, to: UInt64(index))
        }
      }
      for index in 0..<500 {
        #expect(try snapshots[index].word(ofPage: 1) == 0)
        #expect(regions[index][1] == UInt64(index))
      }
      withExtendedLifetime(first) {}
    }
  }

  @Test("Snapshot cycles leave no memory, descriptor, thread or mapping behind")
  func snapshotCycles() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 64, mode)
        func cycle(_ number: Int) throws {
          let snapshot = try region.makeSnapshot()
          region.set(number % 64, to: UInt64(number))
          if number % 10 == 0 {
            let view = try snapshot.makeView()
            region.set((number + 1) % 64, to: UInt64(number))
            _ = view.word(ofPage: number % 64)
          }
          if number % 7 == 0 { try region.restore(to: snapshot) }
        }
        for number in 0..<1000 { try cycle(number) }
        let before = ProcessResources.now()
        let memory = memoryStatus("VmRSS")
        for number in 0..<(runsLongTests ? 15_000 : 2000) { try cycle(number) }
        #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
        #expect(memoryStatus("VmRSS") < memory + (8 << 20))
        #expect(region.statistics.preservedBytes == 0)
      }
    }
  }

  @Test("Making regions and letting them go leaves nothing behind either")
  func regionCycles() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      func cycle(_ number: Int) throws {
        // Each mode comes to have a handler of its own: 17 and the number of modes have no divisor.
        let region = try MemoryRegion(pages: 16, RegionMode.all[number % RegionMode.all.count]) {
          $0.hasOwnHandler = number % 17 == 0
        }
        let snapshot = try region.makeSnapshot()
        region.set(3, to: 1)
        let view = try snapshot.makeView()
        region.set(4, to: 1)
        _ = view.word(ofPage: 3)
      }
      for number in 0..<64 { try cycle(number) }
      let before = ProcessResources.now()
      let memory = memoryStatus("VmRSS")
      let cycles =
        ProcessInfo.processInfo.environment["MEMORY_SNAPSHOTS_REGIONS"].flatMap(Int.init)
        ?? (runsLongTests ? 20_000 : 320)
      for number in 0..<cycles { try cycle(number) }
      #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
      #expect(memoryStatus("VmRSS") < memory + (8 << 20))
    }
  }

  @Test("Memory is handed back after a burst, whether or not protection stays")
  func burst() async throws {
    // All wait together: the keepers take their time.
    var bursts: [(region: MemoryRegion, most: Int)] = []
    for (number, mode) in RegionMode.tested.enumerated() {
      let region = try MemoryRegion(pages: 6000, mode) {
        $0.tracksChangesWhenIdle = number % 2 == 0
        $0.hasOwnHandler = true
      }
      region.fill(0..<region.byteCount, with: 1)
      let snapshot = try region.makeSnapshot()
      try await onThread { try region.prepareToWrite(0..<region.byteCount) }
      let most = region.statistics.poolBytes
      #expect(most >= region.byteCount)
      snapshot.release()
      bursts.append((region, most))
    }
    for (region, most) in bursts {
      #expect(
        await eventually { region.statistics.poolBytes < most / 2 },
        "\(region.options)")
    }
  }
}
