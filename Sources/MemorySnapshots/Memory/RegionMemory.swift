internal import Glibc
internal import SystemPackage

/// The memory of a region, with what keeps it: a mapping of ours and its file, or a mapping of the
/// application's.
struct RegionMemory: ~Copyable {
  let address: UInt
  let byteCount: Int
  let isShared: Bool
  /// Whether the mapping goes with the region.
  let isOwned: Bool
  /// The memory file, if the region has one.
  private let file: Descriptor?
  /// Where the memory file has no holes.
  private let populated: PopulatedBlocks?
  private var mapping: Mapping?
  /// What the kernel was told about memory of the application's.
  private var advice: AdoptedAdvice?

  private static var hugePageBytes: Int { 2 << 20 }

  /// Maps a new memory file.
  init(shared byteCount: Int) throws(Errno) {
    let file = try Descriptor { () throws(Errno) in try Kernel.createMemoryFile(byteCount) }
    let mapping = try Mapping(file: file.rawValue, byteCount: byteCount)
    address = mapping.address
    self.byteCount = byteCount
    isShared = true
    isOwned = true
    self.file = consume file
    populated = PopulatedBlocks(byteCount: byteCount)
    self.mapping = consume mapping
    advice = nil
  }

  /// Maps new private memory, in huge pages where the kernel has them.
  init(anonymous byteCount: Int) throws(Errno) {
    let alignment =
      byteCount >= RegionMemory.hugePageBytes ? RegionMemory.hugePageBytes : Kernel.pageSize
    let mapping = try Mapping(anonymous: byteCount, alignedTo: alignment)
    // EINVAL: a kernel without transparent huge pages.
    try? Kernel.advise(mapping.address, byteCount, MADV_HUGEPAGE)
    // Merging equal pages would take their protection off. EINVAL: a kernel without that.
    try? Kernel.advise(mapping.address, byteCount, Kernel.doNotMerge)
    address = mapping.address
    self.byteCount = byteCount
    isShared = false
    isOwned = true
    file = nil
    populated = nil
    self.mapping = consume mapping
    advice = nil
  }

  /// Takes note of memory that stays the application's, and keeps it from forked children and from
  /// being merged for as long as the region lives.
  init(adopting mapping: AdoptedMapping) throws(Errno) {
    address = mapping.address
    byteCount = mapping.byteCount
    isShared = mapping.isShared
    isOwned = false
    file = nil
    populated = nil
    self.mapping = nil
    advice = try AdoptedAdvice(mapping)
  }

  /// Leaves the memory mapped for ever, if it is: a forked child has none, but may have mapped
  /// something else at the same address.
  mutating func abandonMapping() {
    _ = mapping.take()?.release()
    advice?.abandon()
  }

  // MARK: - The memory file

  /// Whether the region has a memory file of its own, of which a view can be a private mapping.
  var hasFile: Bool { file != nil }

  /// Maps the memory file, copy-on-write.
  ///
  /// - Throws: EBADF if the number of the memory file has been closed, whatever it is by now.
  func mapPrivately() throws(Errno) -> Mapping {
    let file = try duplicateFile()
    return try Mapping(imageOf: file.rawValue, byteCount)
  }

  private func duplicateFile() throws(Errno) -> Descriptor {
    switch file {
    case .some(let file): return try file.duplicate()
    case nil: throw Errno.badFileDescriptor
    }
  }

  /// Whether no page of the range is a hole that reading through the mapping would fill; nothing is
  /// known about memory without a file of ours, and filling costs no memory where it is private.
  func isPopulated(_ range: Range<Int>) -> Bool {
    switch populated {
    case .some(let blocks): return blocks.contain(range, at: address)
    case nil: return true
    }
  }

  /// The first byte at or after `offset` that is not in a hole of the memory file; `nil` if the hole
  /// reaches to the end.
  ///
  /// - Throws: EBADF if the number of the memory file has been closed, whatever it is by now.
  func nextData(from offset: Int) throws(Errno) -> Int? {
    switch file {
    case .some(let file):
      return try withIntact(file) { number throws(Errno) in
        try Kernel.nextData(number, from: offset)
      }
    case nil: return offset
    }
  }

  /// Reads from the memory file, whose holes stay holes.
  ///
  /// - Throws: EBADF if the number of the memory file has been closed, whatever it is by now.
  func readFile(_ range: Range<Int>, to destination: UInt) throws(Errno) {
    switch file {
    case .some(let file):
      try withIntact(file) { number throws(Errno) in
        try Kernel.read(number, at: range.lowerBound, to: destination, count: range.count)
      }
    case nil: throw Errno.badFileDescriptor
    }
  }

  /// Looks at the file twice: only if the number was the file's before and after is the answer right. A
  /// call in between that hits another file reads from it or moves its offset, and no more.
  private func withIntact<Result>(
    _ file: borrowing Descriptor, _ body: (Int32) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    guard file.isIntact else { throw Errno.badFileDescriptor }
    let result = try body(file.rawValue)
    guard file.isIntact else { throw Errno.badFileDescriptor }
    return result
  }

  // MARK: - Giving back

  /// Gives pages back to the system: they read as zeros afterwards. Locked memory that cannot be given
  /// back is zeroed instead.
  ///
  /// - Throws: EBADF if the memory is locked and the number of its file has been closed.
  func discard(_ range: Range<Int>) throws(Errno) {
    let start = address + UInt(range.lowerBound)
    guard isShared else {
      if !Kernel.giveBack(start, range.count) { Kernel.zeroBytes(start, count: range.count) }
      return
    }
    switch populated {
    case .some(let blocks): blocks.remove(range)
    case nil: break
    }
    defer {
      switch populated {
      case .some(let blocks): blocks.remove(range)
      case nil: break
      }
    }
    // By the mapping: a number may be another file's by now.
    do throws(Errno) {
      try Kernel.advise(start, range.count, MADV_REMOVE)
    } catch Errno.invalidArgument {
      // Locked memory: by the file.
      guard hasFile else { return Kernel.zeroBytes(start, count: range.count) }
      let file = try duplicateFile()
      try Kernel.punchHole(file.rawValue, range)
    }
  }
}
