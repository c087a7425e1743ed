import Foundation
import MemorySnapshots
import Testing

@Suite("Growth", .serialized, .timeLimit(.minutes(20)))
struct GrowthTests {
  @Test(
    "Snapshot after snapshot, neither memory nor descriptors, threads or mappings grow",
    arguments: RegionMode.tested)
  func cycles(_ mode: RegionMode) async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { [mode] in
      let region = try MemoryRegion(pages: 64, mode)
      region.fillPages(0..<64, with: 1)
      let cycle = { (number: Int) throws in
        let snapshot = try region.makeSnapshot()
        region[number % 64] = UInt64(number)
        if number % 16 == 0 {
          let view = try snapshot.makeView()
          region[(number + 7) % 64] = UInt64(number)
          _ = view.word(ofPage: 3)
        }
        if number % 64 == 0 { try region.restore(to: snapshot) }
      }
      for number in 0..<2000 { try cycle(number) }
      let before = ProcessResources.now()
      let memory = memoryStatus("VmRSS")
      let cycles =
        ProcessInfo.processInfo.environment["MEMORY_SNAPSHOTS_CYCLES"].flatMap(Int.init)
        ?? (runsLongTests ? 25_000 : 2000)
      for number in 0..<cycles { try cycle(number) }
      #expect(await ProcessResources.stayed(before), "\(before), then \(ProcessResources.now())")
      // The pool that faults are served from may have grown by a chunk.
      let growth = memoryStatus("VmRSS") - memory
      #expect(growth <= 4 << 20, "\(growth) bytes")
      print(
        "\(cycles) cycles, \(mode.testDescription): \(before), then \(ProcessResources.now()), \(growth) B"
      )
      fflush(nil)
    }
    if let output = result?.standardOutputContent {
      print(String(decoding: output, as: UTF8.self), terminator: "")
    }
  }
}
