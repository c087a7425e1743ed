internal import MemorySnapshots
internal import SystemPackage

/// The demo's first part: what the snapshots of a region hold, found while two threads overwrite it.
struct SnapshotProof: Codable {
  /// Where the saved snapshot first differs from the file; `nil` if it is equal.
  private(set) var firstDifferenceOfSaved: Int?
  private(set) var changeLists: ChangeListCheck?
  /// Where the region first differs from the file after it was rolled back; `nil` if it is equal.
  private(set) var firstDifferenceAfterRollback: Int?
  private(set) var pagesOverwrittenUnderWay = 0
  /// What fork(2) takes with as much ordinary memory.
  let forkNanoseconds: UInt64
  private(set) var statistics: RegionStatistics

  private static var laterSnapshots: Int { 10 }

  init(of input: borrowing InputFile, _ narration: Narration) throws {
    let file = try TemporaryFile()
    forkNanoseconds = try OrdinaryMemory(input.byteCount).timeFork()
    let region = try MemoryRegion(byteCount: input.byteCount)
    statistics = region.statistics
    try narration.heading(
      "\(input.name), \(ByteUnit.auto.text(UInt64(input.byteCount)))", columns: ("time", "fork()"))
    try narration.step("load the file into a region") { bar in
      unsafe try input.load(into: region.withUnsafeMutableBytes { unsafe $0 }, bar)
      return Narration.Outcome()
    }
    var snapshots: [MemorySnapshot] = []
    try narration.step("take a snapshot", forkNanoseconds: forkNanoseconds) { _ in
      snapshots.append(try region.makeSnapshot())
      return Narration.Outcome()
    }
    try check(input, file, region, &snapshots, narration)
    statistics = region.statistics
    try narration.heading("\nStatistics of the region")
    for line in statistics.description.split(separator: "\n") { try narration.line("  \(line)") }
  }

  private mutating func check(
    _ input: borrowing InputFile, _ file: borrowing TemporaryFile, _ region: MemoryRegion,
    _ snapshots: inout [MemorySnapshot], _ narration: Narration
  ) throws {
    let original = snapshots[0]
    let pageSize = Machine.pageSize
    let pageCount = region.byteCount / pageSize
    let writers = Overwriters(region, pageSize: pageSize)
    try writers.run {
      try narration.step("save it while two threads overwrite it") { bar in
        try original.write(to: file.descriptor) { bar.update($0, of: region.byteCount) }
        writers.waitForFirstPass()
        return Narration.Outcome("\(pageCount) pages")
      }
      firstDifferenceOfSaved = try compare(input, file, narration)
      let share = pageCount / 20 + 1
      try narration.step(
        "take ten more while they write on",
        forkNanoseconds: UInt64(SnapshotProof.laterSnapshots) * forkNanoseconds
      ) { bar in
        var nanoseconds: UInt64 = 0
        for index in 0..<SnapshotProof.laterSnapshots {
          writers.allow(share)
          // In the middle of its share: the threads are writing while the snapshot is taken.
          writers.wait(untilLeft: share / 2)
          let start = ContinuousClock.now
          snapshots.append(try region.makeSnapshot())
          nanoseconds += (ContinuousClock.now - start).wholeNanoseconds
          bar.update(index + 1, of: SnapshotProof.laterSnapshots)
        }
        return Narration.Outcome(
          "\(writers.pagesWritten) pages", nanoseconds: nanoseconds)
      }
      try narration.step("check all 11 by their change lists") { bar in
        writers.allow(pageCount)
        let lists = try ChangeListCheck(snapshots, pageSize: pageSize, bar)
        changeLists = lists
        pagesOverwrittenUnderWay = writers.pagesWritten
        return Narration.Outcome(
          lists.isRight
            ? "\(lists.pairs) pairs, right"
            : "\(lists.unlistedPagesThatDiffer) PAGES NOT LISTED")
      }
    }
    try narration.step("roll the region back") { _ in
      let ranges = try region.changedRanges(since: original)
      let changed = ranges.reduce(0) { $0 + $1.count / pageSize }
      try region.restore(to: original)
      return Narration.Outcome("\(changed) pages")
    }
    try narration.step("compare the region with the file") { bar in
      firstDifferenceAfterRollback = unsafe try input.firstDifference(bar) { range in
        unsafe UnsafeRawBufferPointer(
          start: region.baseAddress + range.lowerBound, count: range.count)
      }
      return SnapshotProof.result(firstDifferenceAfterRollback)
    }
  }

  private func compare(
    _ input: borrowing InputFile, _ file: borrowing TemporaryFile, _ narration: Narration
  ) throws -> Int? {
    var difference: Int?
    try narration.step("compare what was saved with the file") { bar in
      let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: InputFile.blockBytes, alignment: 16)
      defer { unsafe buffer.deallocate() }
      difference = unsafe try input.firstDifference(bar) { range throws(ToolError) in
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count])
        unsafe try readExactly(
          file.descriptor, at: range.lowerBound, into: part, "the saved snapshot")
        return UnsafeRawBufferPointer(part)
      }
      return SnapshotProof.result(difference)
    }
    return difference
  }

  private static func result(_ firstDifference: Int?) -> Narration.Outcome {
    Narration.Outcome(firstDifference.map { "DIFFERS AT BYTE \($0)" } ?? "equal")
  }

  /// Whether everything was as it should be.
  var isRight: Bool {
    firstDifferenceOfSaved == nil && firstDifferenceAfterRollback == nil
      && changeLists?.isRight == true
  }

  /// What was not, in one line.
  var verdict: String {
    var parts: [String] = []
    if let offset = firstDifferenceOfSaved {
      parts.append("the saved snapshot differs from the file at byte \(offset)")
    }
    if let lists = changeLists, !lists.isRight {
      parts.append("\(lists.unlistedPagesThatDiffer) pages differ that no change list has")
    }
    if let offset = firstDifferenceAfterRollback {
      parts.append("the region differs from the file at byte \(offset) after rolling back")
    }
    return parts.joined(separator: "; ")
  }
}
