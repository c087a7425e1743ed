/// Which pages of which files the processes have in memory, for readers who may not see frames: a
/// page of the page cache is known by its file and its place in it.
struct FilePages {
  private struct Key: Hashable {
    let device: UInt64
    let inode: UInt64
    let stretch: UInt64
  }

  private static let pagesPerStretch: UInt64 = 4096
  private var stretches: [Key: [UInt64]] = [:]
  private var latest = Key(device: 0, inode: 0, stretch: .max)
  private var bits: [UInt64] = []

  /// Notes a page of the file that `mapping` maps.
  mutating func insert(page: UInt64, of mapping: Mapping) {
    let key = Key(
      device: mapping.device, inode: mapping.inode, stretch: page / Self.pagesPerStretch)
    if key != latest {
      store()
      bits = stretches.removeValue(forKey: key) ?? Array(repeating: 0, count: 64)
      latest = key
    }
    let bit = page % Self.pagesPerStretch
    bits[Int(bit / 64)] |= 1 << (bit % 64)
  }

  /// The number of different pages.
  mutating func distinct() -> UInt64 {
    store()
    return stretches.values.reduce(0) { sum, bits in
      sum + UInt64(bits.reduce(0) { $0 + $1.nonzeroBitCount })
    }
  }

  private mutating func store() {
    if !bits.isEmpty { stretches[latest] = bits }
    bits = []
    latest = Key(device: 0, inode: 0, stretch: .max)
  }
}
