import Foundation
import PageCount
import ScenarioSupport
import Testing

/// Trees made for the tests, counted by the tool and page by page by another program.
@Suite(
  "cow stat beside an independent count",
  .enabled(if: PageCount.obstacle == nil, "needs \(PageCount.obstacle ?? "")"))
struct CountedScenarioTests {
  @Test(
    "agrees to the page",
    arguments: [
      ["fork", "2560", "20", "10", "1280"], ["sparse", "2560", "16", "2097152"],
      ["zero", "512", "0"], ["zero", "1024", "1"], ["gone", "2560", "3"], ["readonly", "2560"],
      ["shared", "2560"], ["family", "2560"], ["mappings", "5000"],
      ["protected", "anonymous", "2560", "1000"], ["protected", "shared", "2560", "1000"],
      ["protected", "unpopulated", "2560", "2000"], ["protected", "guard", "2560", "1000"],
    ])
  func scenarios(arguments: [String]) throws {
    try compare(try Scenario(arguments))
  }

  @Test("agrees on memory that is merged or in swap space", .serialized, arguments: [false, true])
  func systemStates(swapped: Bool) throws {
    try withSystemState {
      guard swapped else {
        let merging = try SamepageMerging()
        defer { merging.putBack() }
        return try compare(try Scenario("merged", "2560"))
      }
      let swap = try SwapFile(megabytes: 32)
      defer { swap.remove() }
      let scenario = try Scenario("swap", "2560")
      try compare(scenario)
      try scenario.next()
      try compare(scenario)
    }
  }

  private func compare(_ scenario: Scenario) throws {
    let count = try PageCount([scenario.root] + StandingTree.descendants(of: scenario.root))
    let tool = try Tool.run("stat", "\(scenario.root)", "--json")
    try #require(tool.status == 0, "\(tool.errors)")
    try Figures(json: tool.output).expectEqual(count, isWhole: true)
  }
}
