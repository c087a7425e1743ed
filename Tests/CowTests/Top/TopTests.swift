import Foundation
import ScenarioSupport
import Testing

@Suite("cow top")
struct TopTests {
  private static let enterScreen = "\u{1B}[?1049h"
  private static let leaveScreen = "\u{1B}[?1049l"

  @Test("shows processes until q is typed, and leaves the terminal as it was")
  func quit() throws {
    let scenario = try Scenario("fork", "100", "2", "1", "50")
    let terminal = try TestTerminal("top", "\(scenario.root)", "--interval", "0.1")
    try terminal.waitFor("accounting-scenarios: 3 processes")
    #expect(terminal.shown.contains(Self.enterScreen))
    #expect(!terminal.isCooked)
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 0)
    #expect(terminal.isCooked)
  }

  @Test(
    "leaves the terminal as it was when a signal ends it",
    arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
  func signals(number: Int32) throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    let terminal = try TestTerminal("top", "\(scenario.root)", "--interval", "0.1")
    try terminal.waitFor("accounting-scen")
    kill(terminal.process.processIdentifier, number)
    try terminal.waitFor(Self.leaveScreen)
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationReason == .uncaughtSignal)
    #expect(terminal.process.terminationStatus == number)
    #expect(terminal.isCooked)
  }

  @Test("a process that was named and has ended is shown as ended, with its last figures")
  func ended() throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    var other: Scenario? = try Scenario("fork", "100", "0", "0", "0")
    let pid = try #require(other?.root)
    let terminal = try TestTerminal(
      "top", "\(scenario.root)", "\(pid)", "--interval", "0.1", "--duty", "100")
    try terminal.waitFor("2 processes")
    try terminal.waitFor("USS")
    other = nil
    try terminal.waitFor("(ended)")
    try terminal.waitFor("scenarios: 1 process")
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 0)
  }

  @Test("says that all have ended, and waits for q; without a terminal it ends")
  func allEnded() throws {
    var scenario: Scenario? = try Scenario("fork", "100", "0", "0", "0")
    let pid = try #require(scenario?.root)
    let terminal = try TestTerminal("top", "\(pid)", "--interval", "0.1")
    try terminal.waitFor("accounting-scenarios: 1 process")
    scenario = nil
    try terminal.waitFor("accounting-scenarios: ended")
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 0)

    let short = try Tool.run(
      program: "/bin/sh",
      [
        "-c",
        // It is killed when it has been seen, however long that takes; it may have SIGTERM blocked.
        """
        sleep 1000 & pid=$!
        { \(Tool.path) top $pid --interval 0.1; echo "status $?" >&2; } \
          | { read line; kill -KILL $pid; cat > /dev/null; }
        """,
      ])
    #expect(short.errors == "cow: the processes have ended\nstatus 0\n")
  }

  @Test("fits a terminal, and takes one without a size for 80 by 24")
  func layout() throws {
    let scenario = try Scenario("fork", "100", "40", "0", "0")
    for (columns, rows) in [(100, 30), (60, 12), (30, 8), (0, 0)] {
      let terminal = try TestTerminal(
        "top", "\(scenario.root)", "--interval", "3600", columns: UInt16(columns),
        rows: UInt16(rows))
      try terminal.waitFor("accounting")
      for key in ["", "?", "d"] {
        try terminal.type(key.isEmpty ? "s" : key)
        // The last thing of a frame is to erase what is below it; a panel's last line says how to go back.
        try terminal.waitFor(key.isEmpty ? "\u{1B}[J" : "any other")
        let frame = try #require(terminal.shown.split(separator: "\u{1B}[H").last)
        let control = try Regex("\u{1B}\\[[0-9;?]*[a-zA-Z]")
        // The terminal puts a carriage return of its own in front of every line feed.
        let lines = frame.replacing(control, with: "").replacing("\r\r\n", with: "\n")
          .split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == (rows == 0 ? 24 : rows))
        #expect(lines.allSatisfy { $0.count <= (columns == 0 ? 80 : columns) }, "\(lines)")
        if !key.isEmpty { try terminal.type("x") }
      }
      try terminal.type("q")
      try terminal.waitFor(Self.leaveScreen)
    }
  }

  @Test("keys sort, filter, fold and explain")
  func keys() throws {
    let scenario = try Scenario("fork", "100", "3", "0", "0")
    let terminal = try TestTerminal(
      "top", "\(scenario.root)", "--sort", "pid", "--interval", "3600")
    try terminal.waitFor("└ ")
    try terminal.type("s")
    try terminal.waitFor("▼")
    try terminal.type("\u{1B}[D")
    try terminal.waitFor("+ accounting")
    try terminal.type(" /\(scenario.children[1])\r")
    try terminal.waitFor("filter: \(scenario.children[1])")
    try terminal.type("?")
    try terminal.waitFor("how much more is needed")
    try terminal.type("\u{1B}")
    try terminal.waitFor("q quit")
    try terminal.type("g")
    try terminal.waitFor("PROGRAM")
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
  }

  @Test("says how fast copies are made, where, and who writes")
  func copied() throws {
    let scenario = try Scenario("later", "2560")
    let terminal = try TestTerminal(
      "top", "\(scenario.root)", "--interval", "0.1", "--duty", "100")
    try terminal.waitFor("growth 0 B/min")
    try scenario.next()
    try terminal.waitFor("FASTEST DIVERGING")
    try terminal.waitFor(showsFrames ? "\(scenario.children[0]) accounting" : "not known")
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
  }

  @Test("r records to a file that cow diff reads")
  func recording() throws {
    let folder = try TemporaryFolder()
    let scenario = try Scenario("fork", "100", "1", "0", "0")
    let terminal = try TestTerminal(
      "top", "\(scenario.root)", "--interval", "0.1", "--duty", "100", columns: 80,
      folder: folder.url)
    try terminal.waitFor("accounting-scenarios: 2 processes")
    try terminal.type("r")
    try terminal.waitFor("recording to cow-")
    let file = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder.url.path).first)
    let path = folder.url.appendingPathComponent(file).path
    while try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count < 3 {
      try terminal.waitFor("\u{1B}[J")
    }
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
    let result = try Tool.run("diff", path)
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test("without a terminal prints one refresh after the other, with all rows")
  func noTerminal() throws {
    let scenario = try Scenario("fork", "100", "30", "0", "0")
    let result = try Tool.run("top", "\(scenario.root)", "--interval", "0.1", "--count", "2")
    #expect(result.status == 0)
    #expect(!result.output.contains("\u{1B}"))
    #expect(result.output.split(separator: "accounting-scenarios: 31 processes").count == 2)
    #expect(
      result.output.split(separator: "\n").count { $0.contains("─") || $0.contains("├") } >= 58)
  }
}
