import Foundation
import MemorySnapshots
import Synchronization
import Testing

@Suite struct `cow demo` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let hasUserfault = UserfaultSupport().supports(.sharedMemory)

  @Test(.enabled(if: hasUserfault, "userfaultfd is not to be had"), arguments: [1, 4096, 100_001])
  func `finds everything equal on a good file`(byteCount: Int) throws {
    let content = Data((0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
    let file = try folder.makeFile("file", content)
    let outcome = try Tool.run("demo", file.path, "--megabytes", "0")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(outcome.output.hasSuffix("Everything was equal.\n"))
    #expect(outcome.output.contains("55 pairs, right"))
    #expect(!outcome.output.contains("\u{1B}"), "no progress bar and no colour in a file")
    #expect(try Data(contentsOf: file) == content)
  }

  @Test(.enabled(if: hasUserfault, "userfaultfd is not to be had"))
  func `prints JSON alone, with figures that hold together`() throws {
    let file = try folder.makeFile("file", Data(repeating: 7, count: 50_000))
    let outcome = try Tool.run("demo", file.path, "--megabytes", "4", "--json")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    #expect(report.byteCount == 50_000)
    #expect(report.proof.statistics.snapshotsTaken == 11)
    #expect(report.proof.changeLists.pairs == 55)
    #expect(report.proof.changeLists.unlistedPagesThatDiffer == 0)
    #expect(report.figures?.memory.preservedBytes == report.figures?.memory.dirtyBytes)
    #expect(report.figures?.pauses.count == MemoryRegion.Backing.allCases.count)
  }

  /// The part of the report that is checked here.
  private struct Report: Decodable {
    struct Proof: Decodable {
      struct ChangeLists: Decodable {
        let pairs: Int
        let unlistedPagesThatDiffer: Int
      }
      let changeLists: ChangeLists
      let statistics: RegionStatistics
    }
    struct Figures: Decodable {
      struct Memory: Decodable {
        let dirtyBytes: Int
        let preservedBytes: Int
      }
      struct Pause: Decodable { let ratio: Double }
      let memory: Memory
      let pauses: [Pause]
    }
    let byteCount: Int
    let proof: Proof
    let figures: Figures?
  }

  /// The only way to make a right snapshot look wrong: a file that is no longer what was loaded.
  @Test(.enabled(if: hasUserfault, "userfaultfd is not to be had"))
  func `says that something differs when the file changes meanwhile`() throws {
    let file = try folder.makeFile("file", Data(repeating: 7, count: 16 << 20))
    let changing = try ChangingFile(file)
    let outcome = try Tool.run("demo", file.path, "--megabytes", "0")
    changing.stop()
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("DIFFERS AT BYTE"))
    #expect(!outcome.output.contains("Everything was equal"))
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("the saved snapshot differs from the file at byte"))
  }

  // MARK: - Bad input

  private func expectRefusal(
    _ outcome: Tool.Result, exitCode: Int32, _ reason: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(outcome.status == exitCode, sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
    // One line, and the end of it.
    #expect(outcome.errorLines.count == 1, sourceLocation: sourceLocation)
    #expect(outcome.errors.hasPrefix("cow: "), sourceLocation: sourceLocation)
    #expect(outcome.errors.contains(reason), sourceLocation: sourceLocation)
  }

  @Test func `refuses a file that is missing`() throws {
    let path = folder.url.appendingPathComponent("missing").path
    expectRefusal(try Tool.run("demo", path), exitCode: 66, "No such file")
  }

  @Test func `refuses an empty file`() throws {
    expectRefusal(try Tool.run("demo", try folder.makeFile("e").path), exitCode: 65, "is empty")
  }

  @Test func `refuses a directory`() throws {
    expectRefusal(try Tool.run("demo", folder.url.path), exitCode: 65, "is a directory")
  }

  @Test func `refuses a device, and a pipe without waiting for it`() throws {
    expectRefusal(try Tool.run("demo", "/dev/zero"), exitCode: 65, "not a regular file")
    let pipe = folder.url.appendingPathComponent("pipe").path
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    expectRefusal(try Tool.run("demo", pipe), exitCode: 65, "not a regular file")
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `refuses a file that it may not read`() throws {
    let file = try folder.makeFile("secret", Data([1]))
    #expect(unsafe chmod(file.path, 0) == 0)
    expectRefusal(try Tool.run("demo", file.path), exitCode: 66, "Permission denied")
  }

  @Test func `refuses a file that is larger than memory`() throws {
    let file = try folder.makeFile("large")
    // A hole: it takes no space, but the file system must allow the size.
    try #require(unsafe truncate(file.path, 4 << 40) == 0)
    expectRefusal(try Tool.run("demo", file.path), exitCode: 71, "4 times as much memory")
  }

  @Test func `refuses a size to measure with that makes no sense`() throws {
    expectRefusal(try Tool.run("demo", "--megabytes=-1"), exitCode: 64, "not -1")
    expectRefusal(try Tool.run("demo", "--megabytes", "16777216"), exitCode: 71, "are available")
  }

  @Test func `refuses a folder for temporary files that does not exist`() throws {
    let file = try folder.makeFile("file", Data([1]))
    let environment = ["TMPDIR": folder.url.appendingPathComponent("missing").path]
    let outcome = try Tool.run("demo", file.path, environment: environment)
    expectRefusal(outcome, exitCode: 73, "set TMPDIR")
  }
}

/// A file whose first bytes a thread changes all the time, never to a value that they had before.
private final class ChangingFile: Sendable {
  private let isStopping = Atomic<Bool>(false)
  private let hasStopped = DispatchSemaphore(value: 0)

  init(_ file: URL) throws {
    let handle = try FileHandle(forWritingTo: file)
    let thread = Thread { [self] in
      var value: UInt64 = 0
      while !isStopping.load(ordering: .relaxed) {
        value &+= 1
        try? handle.seek(toOffset: 0)
        unsafe try? handle.write(contentsOf: withUnsafeBytes(of: value) { unsafe Data($0) })
        sched_yield()
      }
      hasStopped.signal()
    }
    thread.start()
  }

  func stop() {
    isStopping.store(true, ordering: .relaxed)
    hasStopped.wait()
  }
}
