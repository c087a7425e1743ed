import Foundation
import ScenarioSupport
import Testing

@testable import cow

@Suite("cow record and cow diff")
struct RecordTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

  private func expectFailure(_ result: Tool.Result, _ status: Int32, _ words: String...) {
    #expect(result.status == status)
    #expect(result.errorLines.count == 1, "\(result.errors)")
    for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
    #expect(result.output.isEmpty)
  }

  @Test(
    "a sample is a line of JSON, the document of cow stat; mappings that hold nothing are not in it"
  )
  func lines() throws {
    let scenario = try Scenario("fork", "100", "1", "0", "0")
    let result = try Tool.run(
      "record", "\(scenario.root)", "--interval", "0.1", "--count", "2")
    #expect(result.status == 0, "\(result.errors)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 2)
    for line in lines {
      let report = try StatReport(String(line))
      #expect(report.processes.map(\.pid) == [scenario.root] + scenario.children)
      let mappings = try #require(report.processes[0].mappings)
      #expect(mappings.contains { $0.start <= scenario.range.lowerBound })
      #expect(mappings.allSatisfy { $0.residentBytes != 0 || $0.swappedBytes != 0 })
      let sample = try JSONDecoder().decode(SavedSample.self, from: Data(line.utf8))
      #expect(sample.version == 1)
      #expect(sample.uptimeSeconds > 0)
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
      #expect(
        try abs(
          Date(sample.time, strategy: style)
            .timeIntervalSinceNow) < 60)
    }
  }

  @Test("a child's copies are found, in the process and in the mapping, and no others")
  func copies() throws {
    let scenario = try Scenario("later", "2560")
    let file = path("a.jsonl")
    let arguments = ["record", "\(scenario.root)", "--output", file, "--count", "1"]
    #expect(try Tool.run(program: Tool.path, arguments).status == 0)
    try scenario.next()
    // The recording is continued.
    #expect(try Tool.run(program: Tool.path, arguments).status == 0)
    let result = try Tool.run("diff", file, "--json")
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    #expect(report.matchedBy == "process")
    #expect((report.seconds ?? -1) > 0)
    let child = try #require(report.processes.first { $0.pid == scenario.children[0] })
    let copied = try #require(child.figures[SavedFigures.differing]?.change)
    let size = Int64(scenario.range.upperBound - scenario.range.lowerBound)
    // Half of the memory, and a few pages of stack and data.
    #expect((size / 2..<size / 2 + 1 << 20).contains(copied))
    let mapping = try #require(
      child.mappings.max {
        ($0.figures["privateBytes"]?.change ?? 0) < ($1.figures["privateBytes"]?.change ?? 0)
      })
    #expect(mapping.figures["privateBytes"]?.change == size / 2)
    let parent = try #require(report.processes.first { $0.pid == scenario.root })
    #expect((parent.figures["residentBytes"]?.change ?? 1 << 30) < 1 << 20)

    let text = try Tool.run("diff", file).output
    #expect(text.contains("really used"))
    #expect(text.contains("\(scenario.children[0])"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  @Test("two documents of cow stat are compared, through a pipe too")
  func documents() throws {
    let scenario = try Scenario("later", "2560")
    let before = try Tool.run("stat", "\(scenario.root)", "--json").output
    let file = try folder.makeFile("before.json", Data(before.utf8)).path
    try scenario.next()
    let result = try Tool.run(
      program: "/bin/bash",
      ["-c", "\(Tool.path) diff \(file) <(\(Tool.path) stat \(scenario.root) --json) --json"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    #expect((report.total["distinctBytes"]?.change ?? 0) >= 5 << 20)
  }

  @Test("a recording ends with its processes, and on a signal, which is no failure")
  func ends() throws {
    var scenario: Scenario? = try Scenario("fork", "10", "0", "0", "0")
    let terminal = try TestTerminal(
      "record", "\(try #require(scenario?.root))", "--interval", "0.1")
    try terminal.waitFor("\"version\":1")
    scenario = nil
    try terminal.waitFor("cow: the processes have ended")
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 0)

    let other = try Scenario("fork", "10", "0", "0", "0")
    let second = try TestTerminal("record", "\(other.root)", "--interval", "3600")
    try second.waitFor("\"version\":1")
    kill(second.process.processIdentifier, SIGINT)
    second.process.waitUntilExit()
    #expect(second.process.terminationReason == .exit)
    #expect(second.process.terminationStatus == 0)
  }

  @Test("a line that a crash cut off is left out by diff, and replaced when the recording goes on")
  func cutOff() throws {
    let scenario = try Scenario("fork", "10", "0", "0", "0")
    let file = path("cut.jsonl")
    let arguments = ["record", "\(scenario.root)", "--output", file, "--count", "2", "--interval"]
    #expect(try Tool.run(program: Tool.path, arguments + ["0.1"]).status == 0)
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    try (whole + Data(whole.prefix(200))).write(to: URL(fileURLWithPath: file))
    let diff = try Tool.run("diff", file)
    #expect(diff.status == 0)
    #expect(diff.errorLines.count == 1)
    #expect(diff.errors.contains("cut off"))
    #expect(try Tool.run(program: Tool.path, arguments + ["0.1"]).status == 0)
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(try Tool.run("diff", file).errors == "")
  }

  @Test("bad input is one clear line and never a wrong figure")
  func badInput() throws {
    let scenario = try Scenario("fork", "10", "0", "0", "0")
    let one = path("one.jsonl")
    let pid = "\(scenario.root)"
    #expect(try Tool.run("record", pid, "--output", one, "--count", "1").status == 0)
    expectFailure(try Tool.run("diff", one), 64, "one sample")
    expectFailure(try Tool.run("diff", path("missing")), 66, "missing")
    expectFailure(try Tool.run("diff", try folder.makeFile("empty").path, one), 65, "no samples")
    let text = try folder.makeFile("text", Data("a\nb\n".utf8)).path
    expectFailure(try Tool.run("diff", text, one), 65, "no sample")
    expectFailure(try Tool.run("record", pid, "--output", text), 65, "no recording")
    #expect(try String(contentsOfFile: text, encoding: .utf8) == "a\nb\n")
    let newer = try String(contentsOfFile: one, encoding: .utf8)
      .replacing("\"version\":1", with: "\"version\":2")
    let future = try folder.makeFile("newer", Data(newer.utf8)).path
    expectFailure(try Tool.run("diff", future, one), 65, "version 2")
    let damaged = try folder.makeFile(
      "damaged",
      Data(
        newer.replacing("\"version\":2", with: "\"version\":1")
          .replacing("\"time\"", with: "\"tame\"").utf8)
    ).path
    expectFailure(try Tool.run("diff", damaged, one), 65, "time is missing")
    expectFailure(try Tool.run("diff", one, one, "--from", "yesterday"), 64, "yesterday")
    expectFailure(try Tool.run("record"), 64, "--name")
    expectFailure(try Tool.run("record", "4194304"), 66, "4194304")
    expectFailure(try Tool.run("record", pid, "--interval", "0"), 64, "--interval")
    expectFailure(try Tool.run("record", pid, "--output", "/no/such/folder/a"), 73, "/no/such")
  }

  private struct Report: Decodable {
    struct Change: Decodable { let change: Int64? }
    struct Mapping: Decodable { let figures: [String: Change] }
    struct Process: Decodable {
      let pid: Int32?
      let figures: [String: Change]
      let mappings: [Mapping]
    }
    let matchedBy: String
    let seconds: Double?
    let total: [String: Change]
    let processes: [Process]
  }
}
