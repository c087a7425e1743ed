internal import Glibc
internal import SystemPackage

/// The memory of a region, with what keeps it: a mapping of ours and its file, or a mapping of the
/// application's.
struct RegionMemory: ~Copyable {
  let address: UInt
  let byteCount: Int
  let isShared: Bool
  /// The memory file, if the region has one.
  let file: Int32?
  /// Whether the mapping goes with the region.
  let isOwned: Bool
  private let ownedFile: Descriptor?
  private var mapping: Mapping?

  private static var hugePageBytes: Int { 2 << 20 }

  /// Maps new memory.
  init(_ backing: MemoryRegion.Backing, byteCount: Int) throws(Errno) {
    self.byteCount = byteCount
    isOwned = true
    switch backing {
    case .sharedMemory:
      let file = Descriptor(owning: try Kernel.createMemoryFile(byteCount))
      let mapping = try Mapping(file: file.rawValue, byteCount: byteCount, shared: true)
      address = mapping.address
      isShared = true
      self.file = file.rawValue
      ownedFile = consume file
      self.mapping = consume mapping
    case .anonymous:
      let alignment =
        byteCount >= RegionMemory.hugePageBytes ? RegionMemory.hugePageBytes : Kernel.pageSize
      let mapping = try Mapping(anonymous: byteCount, alignedTo: alignment)
      // EINVAL: a kernel without transparent huge pages.
      try? Kernel.advise(mapping.address, byteCount, MADV_HUGEPAGE)
      address = mapping.address
      isShared = false
      file = nil
      ownedFile = nil
      self.mapping = consume mapping
    }
  }

  /// Takes note of memory that stays the application's.
  init(adopting mapping: AdoptedMapping) {
    address = mapping.address
    byteCount = mapping.byteCount
    isShared = mapping.isShared
    isOwned = false
    file = nil
    ownedFile = nil
    self.mapping = nil
  }

  /// Leaves the memory mapped for ever, if it is: a forked child has none, but may have mapped
  /// something else at the same address.
  mutating func abandonMapping() {
    _ = mapping.take()?.release()
  }

  /// Gives pages back to the system: they read as zeros afterwards.
  func discard(_ range: Range<Int>) throws(Errno) {
    if let file {
      try Kernel.punchHole(file, range)
    } else {
      let start = address + UInt(range.lowerBound)
      try Kernel.advise(start, range.count, isShared ? MADV_REMOVE : MADV_DONTNEED)
    }
  }
}
