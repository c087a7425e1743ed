import Foundation
import ScenarioSupport
import Testing

/// Figures without frame numbers beside those with: equal where they are called exact, within 2 %
/// where they are estimates.
@Suite(
  "cow stat without privilege",
  .enabled(if: canActAsNobody, "needs root to act as an unprivileged user"))
struct UnprivilegedStatTests {
  @Test(
    "agrees with the exact figures",
    arguments: [
      ["fork", "2560", "20", "10", "1280"], ["fork", "2560", "3", "3", "2560"],
      ["sparse", "2560", "16", "2097152"], ["zero", "512", "0"], ["zero", "1024", "1"],
      ["clone", "2560"], ["gone", "2560", "3"], ["exec", "2560"], ["readonly", "2560"],
      ["shared", "2560"], ["family", "2560"], ["mappings", "5000"],
      ["protected", "anonymous", "2560", "1000"], ["protected", "shared", "2560", "1000"],
      ["protected", "unpopulated", "2560", "2000"], ["protected", "guard", "2560", "1000"],
      ["reserved", "1099511627776", "700"],
    ])
  func agrees(arguments: [String]) throws {
    let scenario = try Scenario(arguments, user: nobody)
    try compare(scenario)
  }

  @Test("agrees when the sharers of huge pages are not among the processes")
  func hugePagesSharedOutside() throws {
    let scenario = try Scenario(["sparse", "2560", "16", "2097152"], user: nobody)
    try compare(scenario, "--only")
  }

  @Test(
    "agrees when memory is in folios, merged, or in swap space", .serialized, arguments: [0, 1, 2])
  func systemStates(state: Int) throws {
    try withSystemState {
      switch state {
      case 0:
        let setting = try SystemSetting(
          "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "madvise")
        defer { setting.putBack() }
        try compare(try Scenario(["sparse", "2560", "16", "65536"], user: nobody))
      case 1:
        let merging = try SamepageMerging()
        defer { merging.putBack() }
        try compare(try Scenario(["merged", "2560"], user: nobody))
      default:
        let swap = try SwapFile(megabytes: 32)
        defer { swap.remove() }
        let scenario = try Scenario(["swap", "2560"], user: nobody)
        try compare(scenario)
        try scenario.next()
        try compare(scenario)
        try compare(try Scenario(["protected", "unpopulated", "2560", "2000"], user: nobody))
      }
    }
  }

  private func compare(_ scenario: Scenario, _ options: String...) throws {
    let pid = "\(scenario.root)"
    let arguments = ["stat", pid, "--json"] + options
    let exact = try StatReport(try Tool.run(program: Tool.path, arguments).output)
    let result = try Tool.run(
      program: Tool.scenarios, ["as-user", "\(nobody)", Tool.path] + arguments)
    #expect(result.status == 0, "\(result.errors)")
    let unprivileged = try StatReport(result.output)
    #expect(unprivileged.exactness == "estimate")
    #expect(exact.exactness == "exact")
    #expect(unprivileged.processes.map(\.pid) == exact.processes.map(\.pid))
    for (left, right) in zip(exact.processes, unprivileged.processes) {
      let check = { (name: String, value: KeyPath<StatReport.Process, UInt64?>) in
        expectNear(
          name, left[keyPath: value], right[keyPath: value],
          isEstimate: right.estimates.contains(name))
      }
      check("residentBytes", \.residentBytes)
      check("copyOnWriteBytes", \.copyOnWriteBytes)
      check("privateBytes", \.privateBytes)
      check("sharedBytes", \.sharedBytes)
      check("swappedBytes", \.swappedBytes)
      check("divergedBytes", \.divergedBytes)
      check("freshBytes", \.freshBytes)
      check("userfaultProtectedBytes", \.userfaultProtectedBytes)
    }
    let check = { (name: String, value: KeyPath<StatReport.Total, UInt64?>) in
      expectNear(
        name, exact.total[keyPath: value], unprivileged.total[keyPath: value],
        isEstimate: unprivileged.total.estimates.contains(name))
    }
    check("distinctBytes", \.distinctBytes)
    check("naiveBytes", \.naiveBytes)
    check("copyOnWriteBytes", \.copyOnWriteBytes)
    check("copiesMadeBytes", \.copiesMadeBytes)
    check("couldStillCopyBytes", \.couldStillCopyBytes)
  }

  private func expectNear(_ name: String, _ exact: UInt64?, _ other: UInt64?, isEstimate: Bool) {
    guard isEstimate, let exact, let other else {
      #expect(exact == other, "\(name)")
      return
    }
    let difference = exact > other ? exact - other : other - exact
    #expect(difference * 50 <= exact, "\(name): \(other) is not near \(exact)")
  }
}
