@testable import MemorySnapshots
import SnapshotStress
import Testing

@Suite("Isolation by model", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct IsolationModelTests {
  struct Setup: Sendable, CustomTestStringConvertible {
    var mode: RegionMode
    var tracksChangesWhenIdle: Bool
    var populatesFirst: Bool
    var seed: UInt64

    var testDescription: String {
      "\(mode.testDescription), tracks when idle: \(tracksChangesWhenIdle), populates first: "
        + "\(populatesFirst), seed \(seed)"
    }

    /// Every mode with every seed; each mode with both values of the two other settings.
    static let all = SeededGenerator.seeds.enumerated().flatMap { turn, seed in
      RegionMode.tested.enumerated().map { number, mode in
        Setup(
          mode: mode, tracksChangesWhenIdle: (turn + number) % 2 == 0,
          populatesFirst: mode.backing == .anonymous && turn == 1, seed: seed)
      }
    }
  }

  @Test(
    "Thousands of random operations leave every snapshot as the model has it", arguments: Setup.all)
  func randomOperations(_ setup: Setup) async throws {
    try await onThread { try run(setup, steps: runsLongTests ? 5_000 : 1_200) }
  }

  private func run(_ setup: Setup, steps: Int) throws {
    var random = SeededGenerator(seed: setup.seed)
    var options = setup.mode.options
    options.tracksChangesWhenIdle = setup.tracksChangesWhenIdle
    let byteCount = 16_900 * pageSize
    let region =
      setup.populatesFirst
      ? try MemoryRegion(
        byteCount: byteCount, options: options,
        kernelFeatures: UserfaultSupport().features.subtracting(.writeProtectUnpopulated))
      : try MemoryRegion(byteCount: byteCount, options: options)
    var model = RegionModel(region)
    for step in 0..<steps {
      let operation = random.below(100)
      try perform(operation, &model, &random)
      let index = model.past.isEmpty ? nil : random.below(model.past.count)
      let context = Comment("\(setup.testDescription), step \(step), operation \(operation)")
      guard try isRight(model, index, step, &random) else {
        Issue.record(context)
        return
      }
    }
  }

  private func perform(
    _ operation: Int, _ model: inout RegionModel, _ random: inout SeededGenerator
  ) throws {
    let index = model.past.isEmpty ? 0 : random.below(model.past.count)
    switch operation {
    case ..<15 where model.past.count < 12, 15..<60 where model.past.isEmpty:
      try model.takeSnapshot()
    case ..<55: model.write(&random)
    case 55..<70 where !model.past.isEmpty: model.release(index)
    case 70..<76 where !model.past.isEmpty: try model.restore(index)
    case 76..<84 where !model.past.isEmpty: try model.toggleView(index)
    case 84..<91: try model.prepare(&random)
    case 91..<95: try model.discard(&random)
    case 95 where random.below(4) == 0:
      while !model.past.isEmpty { model.release(0) }
    default: model.write(&random)
    }
  }

  /// Looks at a few pages of one snapshot, and at everything now and then.
  private func isRight(
    _ model: RegionModel, _ index: Int?, _ step: Int, _ random: inout SeededGenerator
  ) throws -> Bool {
    let pages = model.sample(5, &random)
    guard model.wrongLivePages(of: pages).isEmpty else { return fail("live memory") }
    guard let index else { return true }
    guard try model.wrongPages(index, of: pages).isEmpty else { return fail("snapshot \(index)") }
    if step % 4 == 0 {
      guard try model.reportsChanges(index) else { return fail("changes since \(index)") }
      let other = random.below(model.past.count)
      guard try model.reportsChanges(other, since: index) else {
        return fail("changes of \(other) since \(index)")
      }
    }
    guard step % 50 == 0 else { return true }
    guard try model.readsRange(index, &random) else { return fail("range of \(index)") }
    if step % 500 == 0, try !model.saves(index) { return fail("saving \(index)") }
    guard model.wrongLivePages(of: model.hotPages).isEmpty else { return fail("live memory") }
    for each in model.past.indices where try !model.wrongPages(each, of: model.hotPages).isEmpty {
      return fail("snapshot \(each)")
    }
    return true
  }

  private func fail(_ what: String) -> Bool {
    Issue.record("The region and the model differ: \(what).")
    return false
  }
}
