/// Shared memory in swap space, of which the kernel tells how much of each mapped part of a file is
/// there, but not which pages.
struct SwappedFiles {
  private struct Key: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private struct Part {
    let range: Range<UInt64>
    var pages: UInt64
  }

  private var parts: [Key: [Part]] = [:]

  /// Notes the pages in swap space of the part of a file that `mapping` maps.
  mutating func add(_ pages: UInt64, of mapping: Mapping) {
    let length = mapping.range.upperBound - mapping.range.lowerBound
    let range = mapping.offset..<mapping.offset &+ length
    add(Part(range: range, pages: pages), of: Key(device: mapping.device, inode: mapping.inode))
  }

  /// Notes all that `other` has.
  mutating func add(_ other: SwappedFiles) {
    for (key, list) in other.parts { for part in list { add(part, of: key) } }
  }

  private mutating func add(_ part: Part, of key: Key) {
    var known = parts[key] ?? []
    if let index = known.firstIndex(where: { $0.range == part.range }) {
      known[index].pages = max(known[index].pages, part.pages)
    } else {
      known.append(part)
    }
    parts[key] = known
  }

  /// The number of different pages: exact unless parts overlap that are not the same; of those that do,
  /// what is certain is the largest amount.
  func distinct() -> (pages: UInt64, exactness: Exactness) {
    var total: UInt64 = 0
    var exactness = Exactness.exact
    for list in parts.values {
      var end: UInt64 = 0
      var largest: UInt64 = 0
      for part in list.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
        if part.range.lowerBound < end {
          exactness = .estimate
          largest = max(largest, part.pages)
        } else {
          total += largest
          largest = part.pages
        }
        end = max(end, part.range.upperBound)
      }
      total += largest
    }
    return (total, exactness)
  }
}
