/// Tells what each page of one mapping is, from its page table entry, and counts it.
///
/// Entries that stand for no page of the process's own are cleared, so that what remains can be
/// compared with the relatives' entries.
struct PageClassifier {
  let session: Session
  let space: AddressSpace
  let mapping: Mapping
  var current: MappingCount
  /// Whether the entries are compared with relatives' afterwards.
  let isCompared: Bool

  private let system: SystemMemory
  private let frames: FrameTable
  private let number: Int
  private let isWritable: Bool
  private let isSharedMemory: Bool
  private let shares: MapCounts?
  private var latestFlags: (frame: UInt64, isMerged: Bool) = (.max, false)

  init(_ session: Session, _ space: AddressSpace, _ mapping: Mapping, isCompared: Bool) {
    self.isCompared = isCompared
    self.session = session
    self.space = space
    self.mapping = mapping
    current = space.current
    system = session.system
    frames = session.frames
    isWritable = mapping.kind == .privateWritable
    number = space.number
    isSharedMemory = session.isSharedMemory(mapping)
    shares = session.shares
    if system.hasMergedPages, mapping.kind != .shared, !current.hasMergedPages,
      space.mayHaveMergedPages
    {
      current.hasMergedPages = space.statistics(ofMappingAt: mapping.start)?.merged ?? 0 > 0
    }
    if system.hasHugetlbPages, !current.isHugetlb, !mapping.isAnonymous, space.hasHugetlbPages {
      if let statistics = space.statistics(ofMappingAt: mapping.start) {
        current.isHugetlb = statistics.isHugetlb
      } else {
        space.quality.hugetlb = .estimate
      }
    }
  }

  func store() { space.current = current }

  @inline(__always)
  private mutating func note(_ state: PageState, _ isProtected: Bool, at address: UInt64) {
    current.counts.add(state, isProtected: isProtected)
    space.cells?.add(state, isProtected: isProtected, at: address)
  }

  /// Counts the pages from `address` on.
  mutating func count(_ entries: UnsafeMutableBufferPointer<UInt64>, from address: UInt64) {
    if mapping.kind == .shared {
      for index in entries.indices {
        unsafe countShared(entries[index], at: address + UInt64(index) * Kernel.pageSize)
        unsafe entries[index] = 0
      }
      return
    }
    if !system.showsFrames {
      unsafe markZeroPages(entries, from: address)
      if current.hasMergedPages { unsafe markMergeablePages(entries) }
    }
    let block = Kernel.pagesPerHugePage
    var index = 0
    while index < entries.count {
      let page = Int(address / Kernel.pageSize % UInt64(block)) + index
      let end = min(entries.count, index + block - page % block)
      if end - index == block {
        let whole = unsafe UnsafeMutableBufferPointer(rebasing: entries[index..<end])
        let start = address + UInt64(index) * Kernel.pageSize
        if unsafe countHugePage(whole, at: start) {
          index = end
          continue
        }
      }
      while index < end {
        unsafe countPrivate(&entries[index], at: address + UInt64(index) * Kernel.pageSize)
        unsafe entries[index] &= ~PagemapEntry.readOnly
        if !isWritable, unsafe entries[index] != 0 {
          unsafe entries[index] |= PagemapEntry.readOnly
        }
        index += 1
      }
    }
  }

  /// A page of a shared mapping. One that is present but not of a file is a device's or the
  /// kernel's (VM_PFNMAP): not memory of the process.
  private mutating func countShared(_ entry: UInt64, at address: UInt64) {
    let kind = PagemapEntry.present | PagemapEntry.file
    guard entry & kind == kind else { return }
    let isProtected = entry & PagemapEntry.userfaultProtected != 0
    note(.shared, isProtected, at: address)
    seeFile(entry, isCopyOnWrite: isProtected, at: address)
  }

  @inline(__always)
  private mutating func countPrivate(_ entry: inout UInt64, at address: UInt64) {
    if entry & PagemapEntry.present == 0, isMoving(entry) {
      entry = space.settledEntry(at: address)
    }
    let value = entry
    let isProtected = value & PagemapEntry.userfaultProtected != 0
    guard value & PagemapEntry.present != 0 else {
      if value & PagemapEntry.swapped != 0, countSwapped(value, isProtected, at: address) { return }
      entry = 0
      return
    }
    if isZero(value) {
      entry |= PagemapEntry.zero
      if isWritable { note(.zero, isProtected, at: address) } else { entry = 0 }
    } else if value & PagemapEntry.file != 0 {
      note(isWritable ? .unwrittenFile : .shared, isProtected, at: address)
      seeFile(value, isCopyOnWrite: isWritable || isProtected, at: address)
    } else if current.hasMergedPages, isMerged(value) {
      note(isWritable ? .merged : .sharedReadOnly, isProtected, at: address)
      let frame = value & PagemapEntry.frameMask
      if countUnique(value) {
        current.counts.uniqueMerged += 1
        if isWritable { current.exclusiveCopyOnWrite += 1 }
      } else {
        frames.addRepeated(
          frame, isWritable ? [.shared, .alwaysCopied, .copyOnWrite] : [.shared, .alwaysCopied],
          in: number)
        addShare(of: frame)
      }
    } else if value & PagemapEntry.exclusive != 0 {
      // Nobody else has it: it need not be told from others' pages.
      note(.private, isProtected, at: address)
    } else {
      let frame = value & PagemapEntry.frameMask
      if isWritable {
        note(.sharedAnonymous, isProtected, at: address)
        frames.add(frame, [.shared, .copyOnWrite], in: number)
      } else {
        note(.sharedReadOnly, isProtected, at: address)
        frames.add(
          frame,
          isProtected ? [.shared, .alwaysCopied, .copyOnWrite] : [.shared, .alwaysCopied],
          in: number)
      }
      addShare(of: frame)
    }
  }

  @inline(__always)
  private func addShare(of frame: UInt64) {
    if let shares, !current.isHugetlb { space.shares += shares.share(of: frame) }
  }

  /// Counts a page that is shared by design, or merged, if nobody else maps it now; whether that can be
  /// relied on.
  @inline(__always)
  private mutating func countUnique(_ value: UInt64) -> Bool {
    current.counts.otherUnique &+= value >> 56 & 1
    return value & PagemapEntry.exclusive != 0 && !system.hasHugeFilePages && !current.isHugetlb
  }

  /// Whether an entry is that of a page that the kernel is just moving elsewhere in memory: it looks
  /// like one in swap space, in an area that is none. Where that is not shown, and there is swap space,
  /// it cannot be told.
  private func isMoving(_ value: UInt64) -> Bool {
    let kind =
      PagemapEntry.present | PagemapEntry.swapped | PagemapEntry.userfaultProtected
      | PagemapEntry.guardPage
    guard value & kind == PagemapEntry.swapped else { return false }
    return system.showsFrames
      ? PagemapEntry(rawValue: value).swapArea >= PagemapEntry.firstAreaThatIsNoSwap
      : system.swap.isEmpty
  }

  /// Counts a page in swap space; false for entries that only look like one, or may.
  private mutating func countSwapped(
    _ value: UInt64, _ isProtected: Bool, at address: UInt64
  ) -> Bool {
    guard !system.swap.isEmpty else { return false }
    let entry = PagemapEntry(rawValue: value)
    if system.showsFrames {
      guard entry.swapArea < PagemapEntry.firstAreaThatIsNoSwap else { return false }
      session.swapTables[entry.swapArea]?.see(entry.swapSlot, in: number)
    }
    note(.swapped, isProtected, at: address)
    guard !system.showsFrames, isProtected || entry.has(PagemapEntry.guardPage) else { return true }
    current.doubtfulSwap += 1
    return false
  }

  @inline(__always)
  private func isZero(_ value: UInt64) -> Bool {
    guard system.showsFrames else { return value & PagemapEntry.zero != 0 }
    if value & PagemapEntry.exclusive != 0 { return false }
    let frame = value & PagemapEntry.frameMask
    if frame == system.zeroFrame { return true }
    return system.hugeZeroFrame != 0
      && frame &- system.hugeZeroFrame < UInt64(Kernel.pagesPerHugePage)
  }

  private mutating func isMerged(_ value: UInt64) -> Bool {
    guard let flags = session.flags else { return false }
    let frame = value & PagemapEntry.frameMask
    if latestFlags.frame == frame { return latestFlags.isMerged }
    var number: UInt64 = 0
    unsafe withUnsafeMutablePointer(to: &number) { pointer in
      unsafe flags.read(from: frame, into: UnsafeMutableBufferPointer(start: pointer, count: 1))
    }
    latestFlags = (frame, number & FrameInformation.merged != 0)
    return latestFlags.isMerged
  }

  private mutating func seeFile(_ value: UInt64, isCopyOnWrite: Bool, at address: UInt64) {
    if countUnique(value) {
      current.exclusiveFiles += 1
      if isCopyOnWrite { current.exclusiveCopyOnWrite += 1 }
      return
    }
    let marks: FrameTable.Marks = isCopyOnWrite ? [.file, .copyOnWrite] : .file
    guard system.showsFrames else {
      let page = (mapping.offset + (address - mapping.range.lowerBound)) / Kernel.pageSize
      session.filePages.see(page: page, of: mapping, marks, in: number)
      return
    }
    let frame = value & PagemapEntry.frameMask
    addShare(of: frame)
    if isSharedMemory, value & PagemapEntry.exclusive == 0 {
      frames.addRepeated(frame, marks.union(.sharedMemory), in: number)
    } else {
      frames.see(frame, marks, in: number)
    }
  }
}
