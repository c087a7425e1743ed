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

  /// Different frames and slots of swap space.
  ///
  /// Without frame numbers, an estimate that is closer than the sum of smaps' proportional sizes
  /// (Pss), which leaves the share of everybody outside the tree out, and that needs no more than the
  /// pagemap: pages of files are told apart by their place in the file, anonymous pages that several
  /// relatives share at one address are taken to be one.
  func distinct() -> UInt64 {
    if session.system.showsFrames { return session.frames.distinct + session.distinctSwapSlots }
    let merged = sum { $0[.merged] }
    let mergedFrames = ProcFile.number("/sys/kernel/mm/ksm/pages_shared") ?? merged
    let estimate = session.estimatedDistinct + session.filePages.distinct()
    return estimate - min(estimate, merged - min(merged, mergedFrames))
  }

  /// The most pages that writing to everything would need on top.
  func couldStillCopy() -> (pages: UInt64, exactness: Exactness) {
    // A zero page, a file's page or a merged page stays what it is, however many write to it.
    let always = sum { $0[.zero] + $0[.unwrittenFile] + $0[.merged] + $0.onlyProtected }
    guard session.system.showsFrames else {
      // Merged pages look shared to those who compare relatives: they are in `always` already.
      let shared = session.estimatedCouldCopy
      return (always + shared - min(shared, sum { $0[.merged] }), .estimate)
    }
    let shared = sum { $0[.sharedAnonymous] }
    let kept = keptByTheLast()
    // Of those who share a slot of swap space, the last to write takes the page over.
    let swapped = session.swapReferences - min(session.swapReferences, session.distinctSwapSlots)
    return (always + shared - min(shared, kept.frames) + swapped, kept.exactness)
  }

  /// How many shared frames are mapped by nobody outside: when everyone else has made a copy, the
  /// last one writes to the frame itself.
  private func keptByTheLast() -> (frames: UInt64, exactness: Exactness) {
    let frames = session.frames
    // Numbers of frames in between cost less than another call, up to about this many.
    let gap: UInt64 = 12
    var kept: UInt64 = 0
    let capacity = 4096
    let counts = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: capacity)
    defer { unsafe counts.deallocate() }
    frames.forEachStretch { stretch in
      var run: Range<UInt64>?
      let finish = { (range: Range<UInt64>) in
        guard let file = session.mapCounts else {
          for frame in range where frames.isSharedHere(frame) { kept += 1 }
          return
        }
        unsafe file.read(
          from: range.lowerBound, into: UnsafeMutableBufferPointer(rebasing: counts[..<range.count])
        )
        for (index, frame) in range.enumerated() where frames.isSharedHere(frame) {
          if unsafe counts[index] <= frames.references(to: frame) { kept += 1 }
        }
      }
      for frame in stretch where frames.isSharedHere(frame) {
        if let current = run, frame - current.upperBound <= gap {
          run = current.lowerBound..<frame + 1
        } else {
          if let run { finish(run) }
          run = frame..<frame + 1
        }
      }
      if let run { finish(run) }
    }
    return (kept, session.mapCounts == nil ? .estimate : .exact)
  }
}
