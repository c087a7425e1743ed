internal import ArgumentParser
internal import Foundation
internal import SnapshotStress

/// `cow stress`: everything at once, checked.
struct Stress: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Work on regions from many threads at once and check every snapshot.",
    discussion: """
      Writers, readers, views, restores, releases, streams and discards over several regions. Some of \
      the regions are checked by a causal oracle (a snapshot that holds a write holds every write \
      before it), the others by checksums (a snapshot reads the same however often it is read). A \
      third of them has no limit for its pre-images, a third gives up snapshots at a small one, a \
      third keeps its writers waiting there until snapshots are released. Exits with 1 at the first \
      violation; a thread that does not come on for half a minute is one. A seed decides sizes, \
      options and the order of operations in each thread; how the threads interleave is the \
      scheduler's.

      With --surroundings, something is switched on meanwhile that an administrator or another library       may switch on: samepage merging (merging), mlockall(2) (locked), writers under SCHED_FIFO       (real-time), transparent huge pages wherever they are possible (huge-pages), pages sent to a       swap file all the time (swap). Most of it needs root. Settings of the host are put back       afterwards, also if the run is interrupted or killed.
      """)

  @Option(help: "How long to run.")
  var seconds: Double = 10

  @Option(help: "Repeat the run of this seed.")
  var seed: UInt64?

  @Option(help: "How many regions to work on at once.")
  var regions: Int = 6

  @Option(help: "What to switch on around the run.")
  var surroundings: StressSurroundings = .plain

  @Flag(help: "Print the result as JSON.")
  var json = false

  func validate() throws {
    guard seconds > 0, seconds < 1e6 else {
      throw ValidationError("--seconds takes a number above 0.")
    }
    guard (1...64).contains(regions) else { throw ValidationError("--regions takes 1 to 64.") }
  }

  func run() throws {
    let seed = seed ?? UInt64.random(in: 1 << 32 ..< .max)
    let report: StressReport
    do {
      report = try StressRun.run(
        StressOptions(
          seed: seed, duration: .seconds(seconds), regionCount: regions,
          surroundings: surroundings))
    } catch let error as StressRefusal {
      throw ToolError(
        error.reason == .notPermitted ? .noPermission : .unavailable, "\(error).")
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else {
      print(report)
    }
    if !report.violations.isEmpty { throw ExitCode.failure }
  }
}

extension StressSurroundings: ExpressibleByArgument {}
