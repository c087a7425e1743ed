import Foundation
import ScenarioSupport
import Testing

/// Bad input: one clear line on standard error, a code of sysexits, no figures.
@Suite("cow stat, cow top and cow map with bad input")
struct StatFailureTests {
  private func expectFailure(_ result: Tool.Result, _ status: Int32, _ words: String...) {
    #expect(result.status == status)
    #expect(result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errors.hasPrefix("cow: "))
    for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
    #expect(result.output.isEmpty)
  }

  @Test("no such process", arguments: ["stat", "top", "map"])
  func noSuchProcess(command: String) throws {
    expectFailure(try Tool.run(command, "4194304"), 66, "4194304")
  }

  @Test("garbage for a process", arguments: ["stat", "top", "map"], ["abc", "12x", "0"])
  func garbage(command: String, pid: String) throws {
    expectFailure(try Tool.run(command, pid), 64, pid)
  }

  @Test("nothing to look at, and contradictions")
  func contradictions() throws {
    expectFailure(try Tool.run("stat"), 64, "--name")
    expectFailure(try Tool.run("stat", "1", "--json", "--csv"), 64, "--csv")
    expectFailure(try Tool.run("stat", "--name", "["), 64, "[")
    expectFailure(try Tool.run("stat", "--name", "no process is called this"), 66)
    expectFailure(try Tool.run("stat", "--user", "no-such-user"), 67, "no-such-user")
    expectFailure(try Tool.run("top", "1", "--duty", "0"), 64, "--duty")
  }

  @Test(
    "another user's process is denied, as null and never as 0",
    .enabled(if: canActAsNobody, "needs root to act as an unprivileged user"))
  func otherUser() throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    let pid = "\(scenario.root)"
    expectFailure(try Tool.run(as: nobody, "stat", pid), 77, pid)
    expectFailure(try Tool.run(as: nobody, "map", pid), 77, pid)
    expectFailure(try Tool.run(as: nobody, "top", pid), 77, pid)
    expectFailure(try Tool.run(as: nobody, "record", pid), 77, pid)
    let json = try Tool.run(as: nobody, "stat", pid, "--json")
    #expect(json.status == 77)
    #expect(json.errorLines.count == 1)
    let report = try StatReport(json.output)
    #expect(report.exactness == "denied")
    #expect(report.processes[0].condition == "denied")
    #expect(report.processes[0].copyOnWriteBytes == nil)
    #expect(report.processes[0].privateBytes == nil)
    #expect(report.total.distinctBytes == nil)
    // What top would show is no secret.
    #expect((report.processes[0].residentBytes ?? 0) > 0)
    #expect(report.processes[0].estimates == ["residentBytes"])
  }

  @Test("a process that has gone is left out with a word, and the others are shown")
  func oneGone() throws {
    let scenario = try Scenario("fork", "10", "0", "0", "0")
    for command in [["stat"], ["record", "--count", "1"]] {
      let result = try Tool.run(
        program: Tool.path, command + ["\(scenario.root)", "4194304"])
      #expect(result.status == 0)
      #expect(result.errors == "cow: there is no process 4194304 (any more): it is left out\n")
      #expect(result.output.contains("\(scenario.root)"))
    }
  }

  @Test(
    "one denied process does not deny the totals of the others; it is named, with what it hides",
    .enabled(if: canActAsNobody, "needs root to act as an unprivileged user"))
  func oneDenied() throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    let own = try Scenario(["fork", "2560", "1", "0", "0"], user: nobody)
    let pids = ["\(scenario.root)", "\(own.root)"]
    let arguments = ["as-user", "\(nobody)", Tool.path, "stat"] + pids
    let table = try Tool.run(program: Tool.scenarios, arguments)
    #expect(table.status == 0)
    let note = table.output.split(separator: "\n").first { $0.contains("may not be read") }
    #expect(note?.hasPrefix("\(scenario.root) (accounting-scen) may not be read") == true)
    #expect(note?.contains("iB of resident memory") == true)
    let json = try Tool.run(program: Tool.scenarios, arguments + ["--json"])
    let report = try StatReport(json.output)
    #expect((10 << 20..<20 << 20).contains(report.total.distinctBytes ?? 0))
  }

  /// As any program in front of `head`: ended by SIGPIPE (128 + 13 to a shell), without a word.
  @Test("ends quietly when the reader of its output has gone", arguments: ["stat $$", "top $$"])
  func closedPipe(command: String) throws {
    // The reader of the pipe ends at once and is waited for, before the tool writes.
    let result = try Tool.run(
      program: "/bin/bash",
      [
        "-c",
        "exec 3> >(exit 0); wait $!; \(Tool.path) \(command) 2>&1 >&3; echo status $?",
      ])
    #expect(result.output == "status 141\n", "\(result.output)")
  }

  @Test("a full disk is one clear line")
  func fullDisk() throws {
    let result = try Tool.run(
      program: "/bin/sh", ["-c", "exec \(Tool.path) stat $$ > /dev/full"])
    expectFailure(result, 74, "standard output")
  }

  /// Runs a command of the shell in a mount namespace of its own.
  private func inMountNamespace(_ command: String) throws -> Tool.Result {
    try Tool.run(
      program: "/usr/bin/env",
      ["unshare", "--mount", "--propagation", "private", "sh", "-c", command])
  }

  private static let canUnshare =
    canActAsNobody
    && (try? Tool.run(program: "/usr/bin/env", ["unshare", "--mount", "true"]).status) == 0

  @Test(
    "no /proc",
    .enabled(if: Self.canUnshare, "needs root and unshare(1)"), arguments: ["stat", "top", "map"])
  func noProc(command: String) throws {
    let result = try inMountNamespace("umount -l /proc && exec \(Tool.path) \(command) 1")
    expectFailure(result, 69, "/proc")
  }

  @Test(
    "a /proc that hides processes",
    .enabled(if: Self.canUnshare, "needs root and unshare(1)"))
  func hiddenProcesses() throws {
    let scenario = try Scenario("fork", "10", "0", "0", "0")
    let result = try inMountNamespace(
      "mount -t proc -o hidepid=invisible proc /proc && "
        + "exec \(Tool.scenarios) as-user \(nobody) \(Tool.path) stat \(scenario.root)")
    expectFailure(result, 66, "hidepid")
  }
}
