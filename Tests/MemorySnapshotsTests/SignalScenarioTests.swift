import Foundation
import MemorySnapshots
import Testing

/// What else happens in a process with inline delivery: SIGBUS that is not the library's, forks, crash
/// reports. Each in a program of its own, which may be a release build.
@Suite("Signals and forks beside the library", .serialized, .timeLimit(.minutes(5)))
struct SignalScenarioTests {
  /// What is done to a scenario's handlers, and what must come of it.
  struct Chain: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let scenario: String
    /// The letters of the handlers that ran for the one signal, in order.
    let handlers: String

    init(_ testDescription: String, _ scenario: String, _ handlers: String = "") {
      self.testDescription = testDescription
      self.scenario = scenario
      self.handlers = handlers
    }
  }

  @Test(
    "The process ends by SIGBUS, as without the library, after its handlers have run once",
    arguments: [
      Chain("a later handler chains", "later-handler-chains", "B"),
      Chain("a later and an earlier handler chain", "both-handlers-chain", "BA"),
      // The second time, it is called by ours, and calls ours again.
      Chain("a handler is installed before and after", "handler-installed-again", "AA"),
      Chain("another copy of the library has a handler, too", "second-copy", "A"),
      Chain("a handler is reset by its first signal", "handler-is-reset", "A"),
      Chain("a signal is sent", "sent"),
      Chain("a signal is sent to a thread that waits for it", "sent-to-suspended"),
      Chain("the default action has SA_SIGINFO", "default-with-information"),
      Chain("sent signals are ignored, a fault is not", "ignored", "alive"),
      Chain("a page of a region has failed", "failed-memory", "alive"),
      Chain("an adopted file was truncated", "inside-region"),
    ])
  func ends(_ chain: Chain) throws {
    let run = try SignalScenario(chain.scenario)
    #expect(run.signal == SIGBUS, "\(run)")
    #expect(run.output == chain.handlers, "\(run)")
  }

  @Test(
    "An earlier handler runs under the mask of its own action, and may leave by a jump",
    arguments: [
      ("mask", "AA"), ("mask-without-own", "AA"), ("jumping", "AABABA"),
      // Nobody counts these: a page of a region.
      ("beyond-end-of-file", ""),
    ])
  func earlierHandler(_ scenario: String, _ handlers: String) throws {
    let run = try SignalScenario(scenario)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
    #expect(run.output == handlers, "\(run)")
  }

  @Test(
    "What cannot be read is not preserved on a guess, and ends no process",
    arguments: MemoryRegion.FaultDelivery.allCases)
  func guessesUnreadable(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario("guess-unreadable", delivery)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test(
    "A thread that is cancelled in the middle of a fault leaves nothing locked",
    arguments: MemoryRegion.FaultDelivery.allCases)
  func cancelled(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario("cancelled", delivery)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test(
    "A thread that may not be cancelled meets no cancellation point, in faults and in calls",
    arguments: MemoryRegion.FaultDelivery.allCases)
  func cancellationPoints(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario("cancellation-points", delivery)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test("After the application has reset SIGBUS, the next region makes inline faults work again")
  func resetToDefault() throws {
    let run = try SignalScenario("reset-to-default")
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test("A SIGBUS in a forked child goes to the earlier handler there, once")
  func childWithoutRegions() throws {
    let run = try SignalScenario("child-without-regions")
    #expect(run.signal == 0 && run.status == 0, "\(run)")
    #expect(run.output == "A", "\(run)")
  }

  @Test(
    "A child's own regions, of other sizes than its parent's, are as isolated as any",
    arguments: MemoryRegion.FaultDelivery.allCases)
  func forksOfOtherSizes(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario("forks-of-other-sizes", delivery)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test(
    "A child can make regions whatever its parent's other threads were doing at the fork",
    arguments: MemoryRegion.FaultDelivery.allCases)
  func forksUnderChange(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario("forks-under-change", delivery)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test(
    "A profiler's signals reach every thread, the library's too, and do no harm",
    arguments: MemoryRegion.FaultDelivery.allCases)
  func profiling(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario("profile", delivery)
    #expect(run.signal == 0 && run.status == 0, "\(run)")
  }

  @Test(
    "A crash report has all threads, and leaves nobody behind",
    .enabled(if: hasBacktracer, "the Swift runtime's swift-backtrace is not installed here"),
    arguments: MemoryRegion.FaultDelivery.allCases)
  func crashReport(_ delivery: MemoryRegion.FaultDelivery) throws {
    let run = try SignalScenario(
      "crash", delivery,
      backtrace: "enable=yes,interactive=no,color=no,preset=full,symbolicate=off,output-to=stderr")
    #expect(run.signal == SIGBUS, "\(run)")
    #expect(run.isOutputClosed, "somebody still has standard output open")
    #expect(run.errors.contains("Program crashed: Bus error"), "\(run)")
    #expect(!run.errors.contains("failed to suspend thread"), "\(run)")
    // The last part of a report; one that stops half way has none.
    #expect(run.errors.contains("Images"), "\(run)")
    for thread in ["fault-handler", "page-keeper"] {
      #expect(run.errors.contains("\"\(thread)\""), "\(run)")
    }
  }
}
