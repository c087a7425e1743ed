import Foundation
import ScenarioSupport
import SnapshotStress
import Testing

/// Short runs of `cow stress`, as it was built for release if a folder of such products is named.
@Suite("cow stress --surroundings", .serialized, .timeLimit(.minutes(5)))
struct StressSurroundingsTests {
  /// Longer runs are made by `.ci/surroundings`.
  @Test("finds nothing wrong", arguments: StressSurroundings.allCases)
  func findsNothing(_ surroundings: StressSurroundings) async throws {
    try await withSystemState {
      let result = try stress(surroundings, seconds: 1)
      if [69, 77].contains(result.status) { try Test.cancel("\(result.errors)") }
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      let report = try JSONDecoder().decode(StressReport.self, from: Data(result.output.utf8))
      #expect(report.surroundings == surroundings)
      #expect(report.operations.snapshots > 0)
    }
  }

  @Test(
    "puts settings of the host back, also when killed",
    .enabled(if: getuid() == 0, "settings of the host take root"),
    arguments: [SIGTERM, SIGKILL])
  func putsBack(_ signal: Int32) async throws {
    try await withSystemState {
      let files = ["run", "pages_to_scan", "sleep_millisecs"].map { "/sys/kernel/mm/ksm/" + $0 }
      let before = files.map(setting)
      guard before[0] == "0" else { try Test.cancel("merging is on, or there is none") }
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Products.path("cow"))
      process.arguments = ["stress", "--seconds", "60", "--surroundings", "merging"]
      process.standardOutput = FileHandle.nullDevice
      try process.start()
      #expect(comesTrue { setting(files[0]) == "1" || !process.isRunning })
      #expect(process.isRunning)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      #expect(comesTrue { files.map(setting) == before }, "\(files.map(setting))")
    }
  }

  @Test(
    "without privilege, is refused in one line",
    .enabled(if: canActAsNobody, "needs root to act as an unprivileged user"),
    arguments: [.merging, .realTime, .hugePages, .swap] as [StressSurroundings])
  func refused(_ surroundings: StressSurroundings) throws {
    let result = try Tool.run(as: nobody, "stress", "--surroundings", surroundings.rawValue)
    #expect(result.status == 77 || result.status == 69)
    #expect(result.errorLines.count == 1, "\(result.errors)")
  }

  @Test("takes no other name")
  func badName() throws {
    let result = try Tool.run("stress", "--surroundings", "noise")
    #expect(result.status == 64)
  }

  private func stress(_ surroundings: StressSurroundings, seconds: Int) throws -> Tool.Result {
    try Tool.run(
      program: Products.path("cow"),
      ["stress", "--json", "--seconds", "\(seconds)", "--surroundings", surroundings.rawValue])
  }

  private func setting(_ path: String) -> String {
    ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func comesTrue(_ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(60)
    while !condition() {
      guard ContinuousClock.now < deadline else { return false }
      sched_yield()
    }
    return true
  }
}
