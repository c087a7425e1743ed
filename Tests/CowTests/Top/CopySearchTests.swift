import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

@testable import cow

@Suite("CopySearch")
struct CopySearchTests {
  private static let showsFrames: Bool = {
    guard let own = try? ProcessTree(pids: [getpid()]) else { return false }
    return own.total.distinct.exactness == .exact
  }()

  private func scan(_ scenario: Scenario) throws -> ProcessScan {
    try ProcessScan(try ProcessEntry.all().descendants(of: [scenario.root]))
  }

  /// What was copied of the scenario's memory.
  private func copied(
    _ scenario: Scenario, from before: ProcessScan, to after: ProcessScan
  ) -> [CopiedPages] {
    CopySearch(from: before, to: after).found.filter { scenario.range.contains($0.start) || $0.bytes > 1 << 20 }
  }

  @Test(
    "names the parent, or the child, where nobody else can have written; else nobody",
    .enabled(if: showsFrames, "needs frame numbers"))
  func writers() throws {
    let scenario = try Scenario("writers", "2560")
    let quarter = (scenario.range.upperBound - scenario.range.lowerBound) / 4
    var before = try scan(scenario)
    for writer in [scenario.root, scenario.children[0], nil] {
      try scenario.next()
      let after = try scan(scenario)
      let found = copied(scenario, from: before, to: after)
      #expect(found.count == 1)
      #expect(found.first?.writer == writer)
      #expect(found.first?.bytes == quarter)
      before = after
    }
    #expect(copied(scenario, from: before, to: try scan(scenario)).isEmpty)
  }

  @Test("without frame numbers, names nobody on the strength of faults")
  func later() throws {
    let scenario = try Scenario("later", "2560")
    let before = try scan(scenario)
    try scenario.next()
    let found = copied(scenario, from: before, to: try scan(scenario))
    let size = scenario.range.upperBound - scenario.range.lowerBound
    #expect(found.reduce(0) { $0 + $1.bytes } == size / 2)
    let writers = Set(found.map(\.writer))
    #expect(writers == [scenario.children[0]] || writers == [nil] && !Self.showsFrames)
  }

  @Test("a child that ends leaves its pages to others, who have not written")
  func ended() throws {
    let scenario = try Scenario("sparse", "2560", "16", "4096")
    let before = try scan(scenario)
    try scenario.next()
    let found = copied(scenario, from: before, to: try scan(scenario))
    #expect(found.allSatisfy { $0.writer == nil })
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
    ranking.note([CopiedPages(start: 1, name: "a", bytes: 60, writer: 8)], at: 60)
    #expect(ranking.places.map(\.name) == ["a", "b"])
    #expect(ranking.places[0].bytesPerMinute == 120)
    #expect(ranking.places[0].writers == [7, 8])
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
