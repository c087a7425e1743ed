/// The totals of a tree, in pages.
struct TreeArithmetic {
  private let session: Session
  private let spaces: [AddressSpace]

  init(_ session: Session, _ spaces: [AddressSpace]) {
    self.session = session
    self.spaces = spaces
  }

  private func sum(_ pages: (PageCounts) -> UInt64) -> UInt64 {
    spaces.reduce(0) { $0 + pages($1.counts) }
  }

  /// Different pages in memory, by what they are; they add up to all of them.
  struct Distinct {
    var `private`: UInt64
    var sharedAnonymous: UInt64
    var files: UInt64
    /// Those of all three that somebody would make a copy of.
    var copyOnWrite: UInt64

    var all: UInt64 { `private` + sharedAnonymous + files }
  }

  /// Different frames.
  ///
  /// Without frame numbers, an estimate that is closer than the sum of smaps' proportional sizes
  /// (Pss), which leaves the share of everybody outside the tree out, and that needs no more than the
  /// pagemap: pages of files are told apart by their place in the file, anonymous pages that several
  /// relatives share at one address are taken to be one. A page that is certain to be there, as those
  /// of one address space alone and those of files are, is never taken off.
  func distinct() -> Distinct {
    var own = ExclusivePages()
    for space in spaces { own.add(space.exclusive, sign: 1) }
    if session.system.showsFrames {
      let sets = session.frames.sets
      return Distinct(
        private: own.private + sets.count(without: [.shared, .file]),
        sharedAnonymous: own.merged + sets.count(.shared, without: .file),
        files: own.files + sets.count(.file),
        copyOnWrite: own.copyOnWrite + sets.count(.copyOnWrite))
    }
    let merged = session.estimate.mergedPages()
    let sets = session.filePages.sets
    return Distinct(
      private: session.estimate.private, sharedAnonymous: session.estimate.shared + merged,
      files: own.files + sets.count(),
      copyOnWrite: session.estimate.copyOnWrite + merged + own.copyOnWrite
        + sets.count(.copyOnWrite))
  }

  /// Different slots of swap space, and pages of shared memory in it.
  func swapped() -> (pages: UInt64, exactness: Exactness) {
    let files = session.swappedFiles.distinct()
    let quality = spaces.reduce(files.exactness) { max($0, $1.quality.swapped) }
    guard session.system.showsFrames else {
      let isNone = session.estimate.swapped + files.pages == 0
      return (
        session.estimate.swapped + files.pages, isNone ? quality : max(quality, .estimate)
      )
    }
    return (session.distinctSwapSlots + files.pages, quality)
  }

  /// The most memory that writing to everything would need on top: a copy of each page that is
  /// copy-on-write, for everyone who has it, and the pages that come back from swap space.
  ///
  /// With frame numbers, and the counts of who maps each, the page that the last one of its sharers
  /// writes to is known to need no copy. Without, anybody may be among the sharers: then it is a bound.
  func couldStillCopy() -> (pages: UInt64, exactness: Exactness) {
    // A zero page, a file's page or a merged page stays what it is, however many write to it.
    let always = sum { $0[.zero] + $0[.unwrittenFile] + $0[.merged] + $0.onlyProtected }
    let returning =
      spaces.reduce(0) { $0 + $1.swapReferences } + session.swappedFiles.distinct().pages
    let shared = sum { $0[.sharedAnonymous] }
    guard session.system.showsFrames, session.mapCounts != nil else {
      let doubtful = spaces.reduce(0) { $0 + $1.doubtfulPrivate }
      return (always + shared + doubtful + returning, .bound)
    }
    return (always + shared - min(shared, keptByTheLast()) + returning, .exact)
  }

  /// How many shared frames are mapped by nobody outside: when everyone else has made a copy, the
  /// last one writes to the frame itself. Tells the groups what they would free, too.
  private func keptByTheLast() -> UInt64 {
    guard let file = session.mapCounts else { return 0 }
    let frames = session.frames
    let hierarchy = session.hierarchy
    // Without groups, nobody asks for more than what the whole could copy.
    let countsFreed = session.options.totals != .whole
    var kept: UInt64 = 0
    let counts = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: FrameTable.framesPerStretch)
    defer { unsafe counts.deallocate() }
    var sharing = FrameTable.Sharing()
    let finish = { (range: Range<UInt64>) in
      unsafe file.read(
        from: range.lowerBound, into: UnsafeMutableBufferPointer(rebasing: counts[..<range.count]))
      for (index, frame) in range.enumerated() {
        frames.look(at: frame, &sharing)
        guard sharing.isSharedHere || sharing.mayBeFreed,
          unsafe counts[index] <= sharing.references
        else { continue }
        if sharing.isSharedHere { kept += 1 }
        if countsFreed, sharing.mayBeFreed {
          hierarchy.free(in: sharing.home, isSharedMemory: sharing.isSharedMemory)
        }
      }
    }
    frames.forEachStretch { stretch in
      var run: Range<UInt64>?
      for frame in stretch {
        frames.look(at: frame, &sharing)
        guard sharing.isSharedHere || countsFreed && sharing.mayBeFreed else { continue }
        if let current = run, frame - current.upperBound <= Self.gap {
          run = current.lowerBound..<frame + 1
        } else {
          if let run { finish(run) }
          run = frame..<frame + 1
        }
      }
      if let run { finish(run) }
    }
    return kept
  }

  /// The numbers of so many frames in between cost less than another call.
  private static let gap: UInt64 = 3
}
