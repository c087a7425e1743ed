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
    try terminal.waitFor("accounting-scen")
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

  @Test("leaves the terminal as it was when the processes have gone, which is an error")
  func processesGone() throws {
    var scenario: Scenario? = try Scenario("fork", "100", "0", "0", "0")
    let root = try #require(scenario?.root)
    let terminal = try TestTerminal("top", "\(root)", "--interval", "0.1")
    try terminal.waitFor("accounting-scen")
    scenario = nil
    try terminal.waitFor("cow: no process \(root)")
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 66)
    #expect(terminal.shown.contains(Self.leaveScreen))
    #expect(terminal.isCooked)
  }

  @Test(
    "fits a terminal, sorts by the key that is typed, and takes one without a size for 80 by 24")
  func layout() throws {
    let scenario = try Scenario("fork", "100", "40", "0", "0")
    for (columns, rows) in [(60, 12), (0, 0)] {
      let terminal = try TestTerminal(
        "top", "\(scenario.root)", "--interval", "3600", columns: UInt16(columns),
        rows: UInt16(rows))
      // The last thing of a frame is to erase what is below it.
      try terminal.waitFor("\u{1B}[J")
      let frame = try #require(terminal.shown.split(separator: "\u{1B}[H").last)
      let control = try Regex("\u{1B}\\[[0-9;?]*[a-zA-Z]")
      // The terminal puts a carriage return of its own in front of every line feed.
      let lines = frame.replacing(control, with: "").replacing("\r\r\n", with: "\n")
        .split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count == (rows == 0 ? 24 : rows))
      #expect(lines.allSatisfy { $0.count <= (columns == 0 ? 80 : columns) })
      try terminal.type("r")
      try terminal.waitFor("by resident")
      try terminal.type("q")
      try terminal.waitFor(Self.leaveScreen)
    }
  }

  @Test("says what was copied since the last refresh")
  func copied() throws {
    let scenario = try Scenario("later", "2560")
    let terminal = try TestTerminal(
      "top", "\(scenario.root)", "--interval", "0.1", "--duty", "100", "--units", "MiB")
    // The second scan finds nothing copied, the one after the child has written 5 MiB.
    try terminal.waitFor(" 0 MiB  accounting")
    try scenario.next()
    try terminal.waitFor(" 5 MiB  accounting")
    try terminal.type("q")
    try terminal.waitFor(Self.leaveScreen)
  }

  @Test("without a terminal prints one refresh after the other")
  func noTerminal() throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    let result = try Tool.run("top", "\(scenario.root)", "--interval", "0.1", "--count", "2")
    #expect(result.status == 0)
    #expect(!result.output.contains("\u{1B}"))
    #expect(result.output.split(separator: "cow top by cow: 1 processes").count == 2)
  }
}
