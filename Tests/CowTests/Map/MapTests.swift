import Foundation
import ScenarioSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite("cow map")
struct MapTests {
  @Test("draws letters where there are no colours, half of a child's memory private, half shared")
  func letters() throws {
    let scenario = try Scenario("fork", "2560", "1", "1", "1280")
    let result = try Tool.run("map", "\(scenario.children[0])")
    #expect(result.status == 0)
    #expect(!result.output.contains("\u{1B}"))
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count <= 80 })
    let picture = lines.dropFirst().prefix { !$0.isEmpty }.map { $0.dropFirst(30) }.joined()
    let shared = picture.count { $0 == "c" }
    let own = picture.count { $0 == "p" }
    #expect(shared > 100)
    #expect(abs(shared - own) < shared / 5)
  }

  @Test("draws half blocks in colour, as wide as the terminal")
  func halfBlocks() throws {
    let scenario = try Scenario("fork", "2560", "1", "1", "1280")
    let terminal = try TestTerminal("map", "\(scenario.children[0])", columns: 60, rows: 20)
    try terminal.waitFor("LARGEST MAPPINGS")
    #expect(terminal.shown.contains("▀"))
    #expect(terminal.shown.contains("\u{1B}[0;38;5;"))
    let plain = terminal.shown.replacing(try Regex("\u{1B}\\[[0-9;]*m"), with: "")
    #expect(plain.split(separator: "\r\n").allSatisfy { $0.count <= 60 })
  }

  @Test("a terminal without a size gets a picture for 80 columns")
  func noSize() throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    let terminal = try TestTerminal("map", "\(scenario.root)", columns: 0, rows: 0)
    try terminal.waitFor("LARGEST MAPPINGS")
    let plain = terminal.shown.replacing(try Regex("\u{1B}\\[[0-9;]*m"), with: "")
    #expect(plain.split(separator: "\r\n").allSatisfy { $0.count <= 80 })
  }

  @Test("its totals are those of cow stat, and its parts add up to them; mappings have names")
  func totals() throws {
    let scenario = try Scenario("fork", "2560", "1", "1", "1280")
    let child = "\(scenario.children[0])"
    let text = try Tool.run("map", child, "--units", "B").output.replacing("~", with: "")
    let stat = try Tool.run("stat", child, "--units", "B").output.split(separator: "\n")
    let titles = stat[0].split(separator: " ").map(String.init)
    let row = stat[1].replacing(" B", with: "").replacing("~", with: "").split(separator: " ")
      .map(String.init)
    let value = { (title: String) throws -> UInt64 in
      try #require(titles.firstIndex(of: title).flatMap { UInt64(row[$0]) })
    }
    let names = ["RES", "COW", "PRIVATE", "SHARED"]
    let summary = try names.map { "\($0) \(try value($0)) B" }.joined(separator: ", ")
    #expect(text.contains("\n\(summary)\n"), "\(text)")
    // The columns add up to what top shows.
    #expect(try value("RES") == value("COW") + value("PRIVATE") + value("SHARED"))
    let part = { (name: String) throws -> UInt64 in
      let match = try #require(text.firstMatch(of: try Regex("\(name) +([0-9]+) B")))
      return try #require(match.output[1].substring.flatMap { UInt64($0) })
    }
    #expect(try part("by fork, or merged") + part("not written yet") == value("COW"))
    #expect(try part("file or shared memory") + part("shared read-only") == value("SHARED"))
    let table = try #require(text.split(separator: "LARGEST MAPPINGS\n").last)
    #expect(table.split(separator: "\n").first?.contains("anonymous ") == true)
    #expect(table.contains("libc.so"))
  }

  @Test("writes an SVG document with a rectangle for each run of cells")
  func svg() throws {
    let scenario = try Scenario("fork", "2560", "1", "1", "1280")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "accounting-\(getpid()).svg")
    defer { try? FileManager.default.removeItem(at: file) }
    let result = try Tool.run("map", "\(scenario.children[0])", "--svg", file.path)
    #expect(result.status == 0, "\(result.errors)")
    let counter = RectangleCounter()
    let parser = try #require(XMLParser(contentsOf: file))
    parser.delegate = counter
    #expect(parser.parse())
    // 1280 private pages and 1280 shared ones, a page to a cell of 7 by 7.
    #expect((counter.areas["#5faf5f"] ?? 0) / 49 >= 1280)
    #expect((counter.areas["#ffaf00"] ?? 0) / 49 >= 1280)
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text.contains("<title>[stack] "))
    #expect(text.contains("<title>accounting-scenarios "))
    #expect(text.contains("RES "))
  }

  @Test("a file that cannot be written is one clear line")
  func unwritable() throws {
    let result = try Tool.run("map", "\(getpid())", "--svg", "/no/such/directory/a.svg")
    #expect(result.status == 73)
    #expect(result.errorLines.count == 1)
  }

  @Test("a kernel thread has nothing to draw")
  func kernelThread() throws {
    try #require(getpid() != 2)
    let stat = (try? String(contentsOfFile: "/proc/2/comm", encoding: .utf8)) ?? ""
    guard stat.hasPrefix("kthreadd") else { try Test.cancel("no kernel threads here") }
    let result = try Tool.run("map", "2")
    #expect(result.status == 65)
    #expect(result.errorLines.count == 1)
  }
}

private final class RectangleCounter: NSObject, XMLParserDelegate {
  /// The area of all rectangles of a colour.
  private(set) var areas: [String: Int] = [:]

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    guard name == "rect", let color = attributes["fill"], let width = attributes["width"],
      let height = attributes["height"]
    else { return }
    areas[color, default: 0] += (Int(width) ?? 0) * (Int(height) ?? 0)
  }
}
