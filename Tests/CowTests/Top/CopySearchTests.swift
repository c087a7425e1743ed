import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

@testable import cow

@Suite("CopySearch")
struct CopySearchTests {
  private func scan(_ scenario: Scenario) throws -> ProcessTree {
    var options = AccountingOptions()
    options.includesMappings = true
    options.findsWriters = true
    options.addresses = scenario.range
    return try ProcessTree(
      entries: ProcessEntry.all().descendants(of: [scenario.root]), options: options)
  }

  @Test(
    "names the parent, the child, and both children where they wrote to the same pages",
    .enabled(if: showsFrames, "needs frame numbers"))
  func writers() async throws {
    // In use, swap space and merging would make estimates of it.
    try await withSystemState { try findWriters() }
  }

  private func findWriters() throws {
    let scenario = try Scenario("writers", "2560")
    let quarter = (scenario.range.upperBound - scenario.range.lowerBound) / 4
    var before = try scan(scenario)
    for writers in [[scenario.root], [scenario.children[0]], scenario.children] {
      try scenario.next()
      let after = try scan(scenario)
      let found = CopySearch(from: before, to: after).found
      #expect(Set(found.map(\.writer)) == Set(writers))
      #expect(found.allSatisfy { $0.bytes == quarter })
      before = after
    }
    #expect(CopySearch(from: before, to: try scan(scenario)).found.isEmpty)
  }

  @Test(
    "without frame numbers, says how much, and not who",
    .enabled(if: canActAsNobody, "needs root to act as an unprivileged user"))
  func unprivileged() throws {
    let scenario = try Scenario(["later", "2560"], user: nobody)
    let sample = {
      let arguments = [
        "as-user", "\(nobody)", Tool.path, "record", "\(scenario.root)", "--count", "1",
      ]
      let line = try Tool.run(program: Tool.scenarios, arguments).output
      return try JSONDecoder().decode(SavedSample.self, from: Data(line.utf8))
    }
    let before = try sample()
    try scenario.next()
    let difference = SampleDifference(from: before, to: try sample())
    let child = try #require(difference.processes.first { $0.pid == scenario.children[0] })
    let size = Int64(scenario.range.upperBound - scenario.range.lowerBound)
    #expect((child.change["differingBytes"] ?? 0) >= size / 2)
    #expect(child.change.isEstimate("differingBytes"))
    #expect(child.change["copiedBytes"] == nil)
  }

  @Test("a child that ends leaves its pages to others, who have not written")
  func ended() throws {
    let scenario = try Scenario("sparse", "2560", "16", "4096")
    let before = try scan(scenario)
    try scenario.next()
    #expect(CopySearch(from: before, to: try scan(scenario)).found.isEmpty)
  }

  @Test("that huge pages are split is no writing", .enabled(if: showsFrames, "needs frame numbers"))
  func splitHugePages() throws {
    let scenario = try Scenario("split", "new")
    let before = try scan(scenario)
    try scenario.next()
    #expect(CopySearch(from: before, to: try scan(scenario)).found.isEmpty)
  }

  @Test("the ranking is of the last minute, and adds up who wrote")
  func ranking() {
    var ranking = CopyRanking()
    #expect(ranking.places.isEmpty)
    ranking.note([], at: 0)
    ranking.note(
      [
        CopiedPages(start: 1, name: "a", bytes: 60, writer: 7),
        CopiedPages(start: 2, name: "b", bytes: 90, writer: nil),
      ], at: 30)
    ranking.note([CopiedPages(start: 1, name: "a", bytes: 60, writer: 8, isCertain: false)], at: 60)
    #expect(ranking.places.map(\.name) == ["a", "b"])
    #expect(ranking.places[0].bytesPerMinute == 120)
    #expect(ranking.places[0].writers == [7, 8])
    #expect(ranking.places.map(\.isCertain) == [false, true])
    #expect(ranking.places[1].writers.isEmpty)
    // What is longer ago is forgotten.
    ranking.note([], at: 91)
    ranking.note([], at: 121)
    #expect(ranking.places.isEmpty)
  }

  @Test("a rate is over the last minute, and of what is still there")
  func rates() {
    var history = CopyHistory()
    history.note(["a": 100, "b": 0], at: 0)
    #expect(history.rate(of: "a") == nil)
    history.note(["a": 400, "b": 0], at: 30)
    #expect(history.rate(of: "a") == 600)
    #expect(history.rate(of: "b") == 0)
    history.note(["a": 400], at: 60)
    #expect(history.rate(of: "a") == 300)
    #expect(history.rate(of: "b") == nil)
    history.note(["a": 400], at: 90)
    #expect(history.rate(of: "a") == 0)
  }
}
