internal import ArgumentParser
internal import CAccountingTargets
internal import Foundation
internal import MemoryAccounting

/// Measures what accounting for memory costs, beside merely reading what it must read.
@main
struct Accounting: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure what accounting for memory costs.",
    discussion: """
      Every figure is a ratio of two things measured in this run, in turns. Needs root: it reads with
      and without privilege.
      """)

  @Option(help: "How many times each thing is measured.")
  var rounds = 15

  @Option(help: "Write the results to this file, as JSON.")
  var json: String?

  @Option(help: "The tool to measure beside the library: what was built for release.")
  var tool: String?

  @Flag(help: "Measure only what is beside smem and smaps_rollup.")
  var besideOthersOnly = false

  @Option(help: .hidden)
  var peakMemoryOf: Int32?

  func validate() throws {
    if rounds < 1 { throw ValidationError("--rounds must be at least 1") }
  }

  func run() throws {
    if let pid = peakMemoryOf {
      _ = try ProcessTree(root: pid)
      print(try peakMemory())
      return
    }
    guard getuid() == 0 else { throw ValidationError("run as root") }
    var figures: [Figure] = []
    if !besideOthersOnly {
      try figures.append(unprivileged(huge: false))
      try figures.append(unprivileged(huge: true))
      try figures.append(tree(dirtyChildren: 0))
      try figures.append(tree(dirtyChildren: 10))
      try figures.append(contentsOf: disturbance())
      try figures.append(ownMemory())
    }
    try figures.append(contentsOf: BesideOthers(rounds: rounds, tool: tool).figures())
    for figure in figures { print(figure.text) }
    guard let json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(figures).write(to: URL(fileURLWithPath: json))
  }

  /// One process of 1 GiB, read by its own unprivileged user.
  private func unprivileged(huge: Bool) throws -> Figure {
    let user: uid_t = 65534
    var target = try Target.tree(bytes: 1 << 30, huge: huge, user: user)
    defer { target.stop() }
    let pid = target.pid
    try check(caccounting_act_as(user))
    defer { _ = caccounting_act_as(0) }
    let (ours, plain) = try interleaved {
      _ = try ProcessTree(pids: [pid])
    } and: {
      try check(caccounting_read_pagemap(pid))
    }
    return Figure(
      name: "unprivileged, 1 GiB\(huge ? " in huge pages" : "")", unit: "ms",
      value: ours * 1e3, reference: plain * 1e3, referenceName: "reading its pagemap", limit: 1.5)
  }

  /// A process of 512 MiB with 20 children, all frames seen.
  private func tree(dirtyChildren: Int32) throws -> Figure {
    var target = try Target.tree(
      bytes: 1 << 29, children: 20, dirtyChildren: dirtyChildren)
    defer { target.stop() }
    let entries = try ProcessEntry.all().descendants(of: [target.pid])
    let (ours, plain) = try interleaved {
      _ = try ProcessTree(entries: entries)
    } and: {
      for entry in entries { try check(caccounting_read_pagemap(entry.pid)) }
    }
    return Figure(
      name: "privileged, 512 MiB and 20 children, \(dirtyChildren) of them wrote half",
      unit: "ms", value: ours * 1e3, reference: plain * 1e3,
      referenceName: "reading their pagemaps", limit: 2)
  }

  /// What a busy process of 4 GiB notices of being read without a pause.
  private func disturbance() throws -> [Figure] {
    var target = try Target.busy(bytes: 4 << 30)
    defer { target.stop() }
    let pid = target.pid
    var quiet: [Double] = []
    var read: [Double] = []
    var pagemap: [Double] = []
    var smaps: [Double] = []
    for _ in 0..<max(rounds / 3, 1) {
      quiet.append(target.meanNanoseconds { Thread.sleep(forTimeInterval: 0.5) })
      read.append(
        try target.meanNanoseconds {
          let end = Date(timeIntervalSinceNow: 0.5)
          while Date() < end { _ = try ProcessTree(pids: [pid]) }
        })
      pagemap.append(
        try target.meanNanoseconds {
          let end = Date(timeIntervalSinceNow: 0.5)
          while Date() < end { try check(caccounting_read_pagemap(pid)) }
        })
      smaps.append(
        try target.meanNanoseconds {
          let end = Date(timeIntervalSinceNow: 0.5)
          while Date() < end { try check(caccounting_read_smaps(pid)) }
        })
    }
    let alone = median(quiet) / 1e3
    return [
      Figure(
        name: "a busy process of 4 GiB while it is read", unit: "µs", value: median(read) / 1e3,
        reference: alone, referenceName: "left alone", limit: 15),
      Figure(
        name: "a busy process of 4 GiB while its pagemap is merely read", unit: "µs",
        value: median(pagemap) / 1e3, reference: alone, referenceName: "left alone", limit: nil),
      Figure(
        name: "a busy process of 4 GiB while its smaps is read", unit: "µs",
        value: median(smaps) / 1e3, reference: alone, referenceName: "left alone", limit: nil),
    ]
  }

  /// The peak memory of a process that does nothing but account for a tree of 4 GiB.
  private func ownMemory() throws -> Figure {
    var target = try Target.tree(bytes: 1 << 30, children: 6, dirtyChildren: 6)
    defer { target.stop() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["--peak-memory-of", "\(target.pid)"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines)
    return Figure(
      name: "own memory at its peak, for a tree that uses 4 GiB", unit: "MB",
      value: (Double(text) ?? .nan) / 1e6, reference: 64, referenceName: "the limit", limit: 1)
  }

  /// The median times of two things, done in turns.
  private func interleaved(
    _ first: () throws -> Void, and second: () throws -> Void
  ) throws -> (Double, Double) {
    var times: [[Double]] = [[], []]
    for _ in 0..<rounds {
      times[0].append(try seconds(first))
      times[1].append(try seconds(second))
    }
    return (median(times[0]), median(times[1]))
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(body)
    return duration / .seconds(1)
  }
}

/// The peak resident size of this process in bytes.
private func peakMemory() throws -> Int {
  let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  let number = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
  return (number.flatMap { Int($0) } ?? 0) * 1024
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func check(_ result: some SignedInteger) throws {
  if result < 0 { throw POSIXError(POSIXErrorCode(rawValue: Int32(-result)) ?? .EIO) }
}
