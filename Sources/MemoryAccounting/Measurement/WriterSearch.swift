/// Finds out who has written to pages that differ between a process and the one that it was forked from.
///
/// A fork takes the mark from every anonymous page that says that it belongs to one process alone
/// (PG_anon_exclusive, shown as bit 34 of /proc/kpageflags); a write gives it to the page written to.
/// So whoever has a page with the mark has written to it since it last forked or was forked, and that is
/// no longer ago than the fork that made the two. A page without it may have been written to and shared
/// by a later fork: of that nothing is said, nor of pages of large folios, of which the file shows the
/// first one's flags only.
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

  /// Adds to the counts of `space` what is known of a page of its own and the different one of its
  /// origin.
  func compare(_ mine: UInt64, _ theirs: UInt64, of space: AddressSpace) {
    let isMine = isWritten(mine, own)
    let isTheirs = isWritten(theirs, others)
    if isMine { space.writtenHere += 1 }
    if isTheirs { space.writtenByOrigin += 1 }
    if !isMine, !isTheirs { space.writtenBySomebody += 1 }
  }

  private func isWritten(_ entry: UInt64, _ file: FrameBlock) -> Bool {
    let kind = PagemapEntry.present | PagemapEntry.file | PagemapEntry.zero
    guard entry & kind == PagemapEntry.present else { return false }
    let flags = file[entry & PagemapEntry.frameMask]
    let decisive = Self.anonymous | Self.large | Self.merged | Self.exclusive
    return flags & decisive == Self.anonymous | Self.exclusive
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
