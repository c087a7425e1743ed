internal import CAccountingTargets
internal import Foundation
internal import MemoryAccounting

/// The tool and the library beside what people use instead: smem, and reading smaps_rollup.
struct BesideOthers {
  private let rounds: Int
  private let ways: [Way]

  /// One way to look at some processes, none of which is this one.
  private struct Way {
    let name: String
    let look: ([Int32]) throws -> Void
  }

  init(rounds: Int, tool: String?) {
    self.rounds = rounds
    var ways = [
      Way(name: "the library") { pids in _ = try ProcessTree(pids: pids) },
      Way(name: "reading smaps_rollup") { pids in
        for pid in pids { try check(caccounting_read_rollup(pid)) }
      },
    ]
    if let tool {
      ways.append(
        Way(name: "cow stat") { pids in
          try Self.run([tool, "stat", "--only", "--json"] + pids.map(String.init))
        })
    } else {
      print("cow stat: skipped, because --tool does not say where it is")
    }
    if FileManager.default.isExecutableFile(atPath: Self.smem) {
      ways.append(
        Way(name: "smem") { _ in
          // It finds the processes by name; its own command line must not match.
          let name = CACCOUNTING_NAME
          try Self.run([Self.smem, "-H", "-P", "^[\(name.prefix(1))]\(name.dropFirst())$"])
        })
    } else {
      print("smem: skipped, because \(Self.smem) is not there (Debian has it as a package)")
    }
    self.ways = ways
  }

  private static let smem = "/usr/bin/smem"

  func figures() throws -> [Figure] {
    try look("3 GB in seven processes", bytes: 3 << 28, children: 6, dirtyChildren: 6)
      + look("201 processes", bytes: 1 << 24, children: 200, dirtyChildren: 100)
      + stalls()
  }

  /// The time to look at a process and its children once.
  private func look(
    _ name: String, bytes: UInt64, children: Int32, dirtyChildren: Int32
  ) throws -> [Figure] {
    var target = try Target.tree(bytes: bytes, children: children, dirtyChildren: dirtyChildren)
    defer { target.stop() }
    let pids = try ProcessEntry.all().descendants(of: [target.pid]).map(\.pid)
    let times = try inTurns { way in
      try ContinuousClock().measure { try way.look(pids) } / .milliseconds(1)
    }
    return compare(times, name, "ms", ["smem", "reading smaps_rollup"])
  }

  /// The longest that a busy process of 4 GiB waits for its own mapping, faulting and unmapping while
  /// it is looked at without a pause.
  private func stalls() throws -> [Figure] {
    var target = try Target.busy(bytes: 4 << 30)
    defer { target.stop() }
    let times = try inTurns { way in
      let worst = try target.worstNanoseconds {
        let end = ContinuousClock.now + .seconds(1)
        while ContinuousClock.now < end { try way.look([target.pid]) }
      }
      return worst / 1e6
    }
    return compare(
      times, "worst stall of a busy process of 4 GiB", "ms", ["smem", "reading smaps_rollup"])
  }

  /// What `measure` gives for every way, as often as there are rounds, in turns: the medians.
  private func inTurns(_ measure: (Way) throws -> Double) throws -> [String: Double] {
    var samples: [String: [Double]] = [:]
    for _ in 0..<rounds {
      for way in ways { samples[way.name, default: []].append(try measure(way)) }
    }
    return samples.mapValues(median)
  }

  /// Each way of ours beside each of the others.
  private func compare(
    _ values: [String: Double], _ name: String, _ unit: String, _ references: [String]
  ) -> [Figure] {
    ["cow stat", "the library"].flatMap { own in
      references.compactMap { reference in
        guard let value = values[own], let other = values[reference] else { return nil }
        return Figure(
          name: "\(name), \(own)", unit: unit, value: value, reference: other,
          referenceName: reference, limit: nil)
      }
    }
  }

  private static func run(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: arguments[0])
    process.arguments = Array(arguments.dropFirst())
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw POSIXError(.ECHILD) }
  }
}
