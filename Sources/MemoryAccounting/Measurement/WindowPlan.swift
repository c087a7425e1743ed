/// The stretches of address space in which any of several address spaces maps anything.
enum WindowPlan {
  /// Mappings with less than this between them are read in one go: entries of unmapped pages cost
  /// less than another call.
  private static let gapBytes = Kernel.pageSize * 512

  /// The union of the spaces' mappings as sorted ranges, aligned so that no huge page is cut.
  static func ranges(of spaces: [AddressSpace]) -> [Range<UInt64>] {
    let alignment = Kernel.pageSize * UInt64(Kernel.pagesPerHugePage)
    var ranges: [Range<UInt64>] = []
    for space in spaces {
      var latest: Range<UInt64>?
      for mapping in space.mappings {
        let start = mapping.range.lowerBound / alignment * alignment
        if let range = latest, start <= range.upperBound + gapBytes {
          latest = range.lowerBound..<max(range.upperBound, mapping.range.upperBound)
        } else {
          if let latest { ranges.append(latest) }
          latest = start..<mapping.range.upperBound
        }
      }
      if let latest { ranges.append(latest) }
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var merged: [Range<UInt64>] = []
    for range in ranges {
      if let last = merged.last, range.lowerBound <= last.upperBound {
        let end = max(last.upperBound, range.upperBound)
        merged[merged.count - 1] = last.lowerBound..<end
      } else {
        merged.append(range)
      }
    }
    return merged
  }
}
