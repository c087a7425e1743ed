import CTestSupport
import Foundation
import MemorySnapshots
import ScenarioSupport
import SystemPackage
import Testing

/// Signals, stops and children while a region is armed. Each test in a process of its own.
@Suite("Process events while armed", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ProcessEventsTests {
  @Test(
    "A signal handler writes to the region in the middle of every operation",
    arguments: RegionMode.tested)
  func signals(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      try ProcessEventsTests.operateUnderSignals(mode)
    }
  }

  private static func operateUnderSignals(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 64, mode)
    #expect(
      unsafe test_support_write_from_signals(region.baseAddress, pageSize, 32, 150) == 0)
    // A thread may still be inside the handler when the timer has ended: the memory stays.
    _ = unsafe Unmanaged.passRetained(region)
    let goal = UInt64(runsLongTests ? 4000 : 1000)
    while test_support_signal_count() < goal {
      region.fillPages(32..<64, with: UInt8.random(in: 0...255))
      let snapshot = try region.makeSnapshot()
      let bytes = try snapshot.bytes(in: 0..<region.byteCount)
      let view = try snapshot.makeView()
      try region.prepareToWrite(32 * pageSize..<48 * pageSize)
      try region.discard(48 * pageSize..<64 * pageSize)
      #expect(areEqual(view.bytes(in: 0..<region.byteCount), bytes))
      let later = try region.makeSnapshot()
      try region.restore(to: snapshot)
      _ = try later.changedRanges(since: snapshot)
      _ = region.statistics
      #expect(areEqual(try snapshot.bytes(in: 0..<region.byteCount), bytes))
      later.release()
      // Each count was written to one page, and the counts of a snapshot are 32 in a row at the most.
      let counts = (0..<32).map { page in
        unsafe bytes.withUnsafeBytes {
          unsafe $0.load(fromByteOffset: page * pageSize, as: UInt64.self)
        }
      }
      #expect(counts.enumerated().allSatisfy { $1 == 0 || $1 % 32 == UInt64($0) })
    }
    // The region must not go before the signals do.
    withExtendedLifetime(region) {
      #expect(test_support_write_from_signals(nil, 0, 1, 0) == 0)
    }
  }

  @Test(
    "A process that is stopped and continued goes on where it was", arguments: RegionMode.tested)
  func stopAndContinue(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let region = try MemoryRegion(pages: 512, mode)
      region.fillPages(0..<512, with: 1)
      let snapshot = try region.makeSnapshot()
      let stop = Shared(false)
      let writer = startThread {
        var value: UInt64 = 2
        while !stop.isSet {
          for page in 0..<512 { region[page] = value }
          value += 1
          _ = try region.makeSnapshot()
        }
      }
      for _ in 0..<8 { #expect(test_support_stop_and_continue() == 0) }
      stop.set()
      try await writer.value
      #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    }
  }

  @Test(
    "posix_spawn and vfork neither disturb snapshots nor inherit anything",
    arguments: RegionMode.tested)
  func spawning(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let region = try MemoryRegion(pages: 64, mode)
      region.fillPages(0..<64, with: 1)
      let snapshot = try region.makeSnapshot()
      for round in 0..<16 {
        #expect(test_support_vfork(Int32(round)) == Int32(round))
        region[round] = 2
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/ls")
        process.arguments = ["-l", "/proc/self/fd"]
        let output = Pipe.forProcess()
        process.standardOutput = output
        try process.start()
        let text = String(
          decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(!text.contains("memory-snapshots") && !text.contains("userfaultfd"), "\(text)")
        region[round + 32] = 2
      }
      #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    }
  }
}
