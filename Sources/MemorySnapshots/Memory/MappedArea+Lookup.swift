internal import SystemPackage

extension MappedArea {
  /// Whether two of the mappings that a range lies in are of the same part of a file there.
  static func sharePages(_ areas: [MappedArea], in range: Range<UInt>) -> Bool {
    let parts = areas.map { area in
      let start = max(area.start, range.lowerBound)
      return (
        file: area.file, offset: area.offset + (start - area.start),
        count: min(area.end, range.upperBound) - start
      )
    }
    let sorted = parts.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) }
    return zip(sorted, sorted.dropFirst()).contains { first, second in
      first.file == second.file && second.offset - first.offset < first.count
    }
  }

  /// The mappings that overlap a range, in ascending order.
  ///
  /// - Complexity: O(memory of the process below the end of the range): the kernel counts the pages of
  ///   each mapping.
  static func all(in range: Range<UInt>) throws(SnapshotError) -> [MappedArea] {
    var areas: [MappedArea] = []
    do {
      try Kernel.forEachLine(of: "/proc/self/smaps") { line in
        if line.hasPrefix("VmFlags:") {
          guard let last = areas.indices.last, areas[last].flags.isEmpty else { return true }
          areas[last].flags = line.dropFirst(8).split(separator: " ")
        } else if let area = MappedArea(line: line) {
          if area.start >= range.upperBound { return false }
          if area.end > range.lowerBound { areas.append(area) }
        }
        return true
      }
    } catch {
      let operation = "reading /proc/self/smaps"
      guard error == .noSuchFileOrDirectory else { throw .systemCall(operation, error) }
      throw SnapshotError(
        .systemCall, errno: error, operation: operation,
        message: "the mapping cannot be looked up; mount /proc")
    }
    return areas
  }
}
