import Foundation
import PageCount
import ScenarioSupport
import Testing

/// Trees made for the tests, counted by the tool and page by page by another program.
@Suite(
  "cow stat beside an independent count",
  .enabled(if: PageCount.obstacle == nil, "needs \(PageCount.obstacle ?? "")"),
  .enabled(if: showsFrames, "needs frame numbers"),
  .enabled(if: canActAsNobody, "needs to run programs as an unprivileged user"))
struct CountedScenarioTests {
  @Test(
    "agrees to the page",
    arguments: [
      ["fork", "2560", "20", "10", "1280"], ["sparse", "2560", "16", "2097152"],
      ["zero", "512", "0"], ["zero", "1024", "1"], ["gone", "2560", "3"], ["readonly", "2560"],
      ["shared", "2560"], ["family", "2560"], ["mappings", "5000"], ["remapped", "2560", "100"],
      ["protected", "anonymous", "2560", "1000"], ["protected", "shared", "2560", "1000"],
      ["protected", "unpopulated", "2560", "2000"], ["protected", "guard", "2560", "1000"],
    ])
  func scenarios(arguments: [String]) throws {
    try compare(try Scenario(arguments, user: nobody))
  }

  @Test(
    "agrees on memory that was merged",
    arguments: [["merged", "2560"], ["mixed", "4096", "2000", "4", "500"]])
  func merged(arguments: [String]) async throws {
    try await withSystemState {
      let merging = try SamepageMerging()
      defer { merging.putBack() }
      let scenario = try Scenario(arguments, user: nobody)
      try merging.pause()
      try compare(scenario)
    }
  }

  @Test(
    "agrees on memory in swap space",
    arguments: [["swap", "2560"], ["memory-file", "2560", "2000"]])
  func swapped(arguments: [String]) async throws {
    try await withSystemState {
      let swap = try SwapFile(megabytes: 32)
      defer { swap.remove() }
      let scenario = try Scenario(arguments, user: nobody)
      try compare(scenario)
      try scenario.next()
      try compare(scenario)
    }
  }

  @Test("agrees on explicit huge pages")
  func explicitHugePages() async throws {
    try await withSystemState {
      let setting = try SystemSetting("/proc/sys/vm/nr_hugepages", "8")
      defer { setting.putBack() }
      try compare(try Scenario(["hugetlb", "2048", "1024"], user: nobody))
    }
  }

  private func compare(_ scenario: Scenario) throws {
    let count = try PageCount([scenario.root] + StandingTree.descendants(of: scenario.root))
    let tool = try Tool.run("stat", "\(scenario.root)", "--json")
    try #require(tool.status == 0, "\(tool.errors)")
    let exact = try Figures(json: tool.output)
    #expect(exact.exactness == "exact")
    // Its files are those of other tests' scenarios, too, which come and go.
    let unknown: Set = ["uniqueBytes"]
    exact.expectConsistent(with: count, except: unknown)
    let unprivileged = try Tool.run(as: nobody, "stat", "\(scenario.root)", "--json")
    try #require(unprivileged.status == 0, "\(unprivileged.errors)")
    try Figures(json: unprivileged.output).expectConsistent(with: count, except: unknown)
  }
}
