import ArgumentParser
import Foundation

@main
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares memory snapshots with the other ways to get copy-on-write memory.",
    discussion: """
      All peers do the same work in the same run, one after another in every round. The tables \
      show medians over the rounds, and ratios of the peers with their spread.
      """)

  private static let scenarios: [any Scenario] = [
    PauseScenario(), FaultScenario(), StoreScenario(), ReadScenario(), RollbackScenario(),
    MemoryScenario(), GrowthScenario(), CollectionsScenario(),
  ]

  @Flag(help: "Measure little: a smoke test, not figures.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "Run one scenario only: \(scenarios.map(\.name).joined(separator: ", ")).",
      valueName: "name"))
  var only: [String] = []

  @Option(
    help: ArgumentHelp("Write a summary of what was measured to a file.", valueName: "file"))
  var json: String?

  @Option(help: ArgumentHelp("Draw charts into a folder, by gnuplot.", valueName: "folder"))
  var plots: String?

  @Option(
    help: ArgumentHelp(
      "Measure nothing: draw the charts of a file that --json has written.", valueName: "file"))
  var drawing: String?

  func validate() throws {
    for name in only where !Self.scenarios.contains(where: { $0.name == name }) {
      throw ValidationError("There is no scenario '\(name)'.")
    }
    if drawing != nil, plots == nil {
      throw ValidationError("--drawing needs --plots, the folder for the charts.")
    }
    if plots != nil, Plotter.find() == nil {
      throw ValidationError("--plots needs gnuplot, which is not installed (package gnuplot-nox).")
    }
  }

  func run() throws {
    if let drawing, let plots {
      try Plotter.find()?.draw(Record.read(from: drawing), in: plots)
      return
    }
    let machine = Machine.current()
    print(machine.summary)
    let scale = Scale(isQuick: quick)
    var measurements = Measurements()
    for scenario in Self.scenarios where only.isEmpty || only.contains(scenario.name) {
      try scenario.run(scale, into: &measurements)
      ScenarioReport(scenario: scenario, measurements: measurements).print()
      // A run takes minutes; its tables are of use as they come.
      fflush(nil)
    }
    let figures = FigureReport(measurements)
    figures.print()
    let record = Record(
      machine: machine, isQuick: quick, measurements: measurements, figures: figures.verdicts)
    if let json { try record.write(to: json) }
    if let plots { try Plotter.find()?.draw(record, in: plots) }
  }
}
