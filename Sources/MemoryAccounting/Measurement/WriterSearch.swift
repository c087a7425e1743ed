/// Finds out whose own the pages are that differ between a process and the one that it was forked from.
///
/// A fork takes the mark from every anonymous page that it shares and that says that it belongs to one
/// process alone (PG_anon_exclusive, shown as bit 34 of /proc/kpageflags). A page gets the mark by being
/// made for one process, be it for a write, for a fork that may not share it (it is pinned) or for a pin,
/// and by a write of the last that has it. So a page of the *child* with the mark is the child's own since
/// the fork, or by the fork. A page of the *parent* with the mark is its own since the fork, or was not
/// shared by it: pinned (`folio_needs_cow_for_dma()`), or kept from children. Whether a page was ever
/// pinned the kernel does not tell. A page without the mark may have been made and then shared by a later
/// fork: of that nothing is said, nor of pages of large folios, of which the file shows the first one's
/// flags only. When a huge page is split, every page of it inherits its mark.
final class WriterSearch {
  private static let anonymous = UInt64(1) << 12
  private static let large = UInt64(1) << 15 | UInt64(1) << 16
  private static let merged = UInt64(1) << 21
  private static let exclusive = UInt64(1) << 34

  private let own: FrameBlock
  private let others: FrameBlock

  /// `nil` where the flags may not be read.
  init?() {
    guard let first = FrameInformation.flags(), let second = FrameInformation.flags() else {
      return nil
    }
    own = FrameBlock(first)
    others = FrameBlock(second)
  }

  /// What is known of whose own a page of a space is, and the different one of its origin.
  func compare(_ mine: UInt64, _ theirs: UInt64) -> WriterCounts {
    let isMine = isOwn(mine, own)
    let isTheirs = isOwn(theirs, others)
    return WriterCounts(
      here: isMine ? 1 : 0, origin: isTheirs ? 1 : 0, somebody: isMine || isTheirs ? 0 : 1)
  }

  private func isOwn(_ entry: UInt64, _ file: FrameBlock) -> Bool {
    let kind = PagemapEntry.present | PagemapEntry.file | PagemapEntry.zero
    guard entry & kind == PagemapEntry.present else { return false }
    let flags = file[entry & PagemapEntry.frameMask]
    let decisive = Self.anonymous | Self.large | Self.merged | Self.exclusive
    return flags & decisive == Self.anonymous | Self.exclusive
  }
}

/// Pages that differ from the origin's, by whose own they are.
struct WriterCounts {
  var here: UInt64 = 0
  var origin: UInt64 = 0
  var somebody: UInt64 = 0

  mutating func add(_ other: WriterCounts) {
    here &+= other.here
    origin &+= other.origin
    somebody &+= other.somebody
  }
}

/// The numbers of a few neighbouring frames at a time: frames that are asked for one after the other
/// are mostly close together.
@safe
final class FrameBlock {
  static let frames: UInt64 = 32

  private let file: FrameInformation
  private let numbers: UnsafeMutableBufferPointer<UInt64>
  private var block = UInt64.max

  init(_ file: FrameInformation) {
    self.file = file
    unsafe numbers = .allocate(capacity: Int(Self.frames))
    unsafe numbers.initialize(repeating: 0)
  }

  deinit { unsafe numbers.deallocate() }

  subscript(frame: UInt64) -> UInt64 {
    let wanted = frame / Self.frames
    if wanted != block {
      unsafe file.read(from: wanted * Self.frames, into: numbers)
      block = wanted
    }
    return unsafe numbers[Int(frame % Self.frames)]
  }
}
