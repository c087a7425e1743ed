import Foundation
import MemoryAccounting
import Testing

@testable import cow

@Suite("cow demo fork")
struct DemoForkTests {
  @Test("shows the tree before and after, and finds the known answer")
  func scenario() throws {
    let result = try Tool.run("demo", "fork", "--children", "4", "--dirty-children", "2")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.split(separator: "5 processes: top counts").count == 3)
    #expect(result.output.contains("must be 20 MiB"))
    #expect(result.output.contains("after: a child that wrote, private: 5 MiB"))
  }

  @Test(
    "finds the known answer for extremes too",
    arguments: [
      ["--children", "3", "--dirty-children", "3", "--dirty", "1"],
      ["--children", "2", "--dirty-children", "2", "--dirty", "0.25"],
      ["--children", "1", "--dirty-children", "0"], ["--dirty", "0"],
    ])
  func extremes(arguments: [String]) throws {
    let result = try Tool.run(
      program: Tool.path, ["demo", "fork", "--megabytes", "1"] + arguments)
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test(
    "finds the known answer without privilege",
    .enabled(if: canActAsNobody, "needs root to act as an unprivileged user"))
  func unprivileged() throws {
    let result = try Tool.run(as: nobody, "demo", "fork", "--children", "4")
    #expect(result.status == 64)
    let right = try Tool.run(
      as: nobody, "demo", "fork", "--children", "4", "--dirty-children", "2")
    #expect(right.status == 0, "\(right.errors)")
    #expect(right.output.contains("(estimate)"))
  }

  @Test("a wrong figure is noticed: an exact one by a page, an estimate by more than 2 %")
  func wrongFigures() {
    let comparison = { (figure: MemoryFigure?) in
      ForkAnswer.Comparison(name: "", figure: figure, expected: 409_600, isShown: true)
    }
    #expect(comparison(MemoryFigure(bytes: 409_600)).isRight)
    #expect(!comparison(MemoryFigure(bytes: 413_696)).isRight)
    #expect(comparison(MemoryFigure(bytes: 413_696, exactness: .estimate)).isRight)
    #expect(!comparison(MemoryFigure(bytes: 421_888, exactness: .estimate)).isRight)
    #expect(!comparison(.denied).isRight)
    #expect(!comparison(nil).isRight)
  }

  @Test("options that make no sense are one clear line")
  func badOptions() throws {
    for arguments in [["--dirty", "1.5"], ["--children", "0"], ["--megabytes", "-1"]] {
      let result = try Tool.run(program: Tool.path, ["demo", "fork"] + arguments)
      #expect(result.status == 64)
      #expect(result.errorLines.count == 1)
    }
  }
}
