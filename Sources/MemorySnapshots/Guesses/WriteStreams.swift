internal import Synchronization

/// Recognises writers that go through a region page after page, so that the pages before them can be
/// preserved in bulk: several at once, each with a window that doubles as long as it goes on, as the
/// kernel's readahead does.
///
/// One word per stream, the page that the stream is expected to fault on next and its window.
/// Relaxed, and unguarded against races on purpose: two threads that overwrite each other's word
/// lose a stream, which costs a fault.
struct WriteStreams: ~Copyable {
  private let first = Atomic<UInt64>(.max)
  private let second = Atomic<UInt64>(.max)
  private let third = Atomic<UInt64>(.max)
  private let fourth = Atomic<UInt64>(.max)
  /// The stream that is given up next.
  private let oldest = Atomic<Int>(0)

  private static var streamCount: Int {
    @_noLocks get { 4 }
  }
  private static var smallestWindow: Int {
    @_noLocks get { 4 }
  }
  private static var largestWindow: Int {
    @_noLocks get { 64 }
  }

  /// The pages to preserve together with a page that a fault was taken on: none, unless it is
  /// where a stream was expected.
  @_noLocks
  func pagesAhead(
    of page: Int, pageCount: Int, _ counters: borrowing RegionCounters
  ) -> Range<Int> {
    for stream in 0..<WriteStreams.streamCount {
      let word = load(stream)
      guard word >> 8 == UInt64(page) else { continue }
      let window = Int(truncatingIfNeeded: word & 255)
      // The stream has come to the end of its window, so all of that was of use.
      if window > 0 { counters.pagesAheadUsed.add(window, ordering: .relaxed) }
      let wider = min(max(window * 2, WriteStreams.smallestWindow), WriteStreams.largestWindow)
      let end = min(page + 1 + wider, pageCount)
      store(stream, next: end, window: end - page - 1)
      return page + 1..<end
    }
    let stream = oldest.wrappingAdd(1, ordering: .relaxed).oldValue & (WriteStreams.streamCount - 1)
    // A stream that ends leaves its last window unused, as far as one can tell.
    let given = load(stream)
    if given != .max, given & 255 != 0 {
      counters.pagesAheadWasted.add(Int(truncatingIfNeeded: given & 255), ordering: .relaxed)
    }
    store(stream, next: page + 1, window: 0)
    return page + 1..<page + 1
  }

  @_noLocks
  private func load(_ stream: Int) -> UInt64 {
    switch stream {
    case 0: first.load(ordering: .relaxed)
    case 1: second.load(ordering: .relaxed)
    case 2: third.load(ordering: .relaxed)
    default: fourth.load(ordering: .relaxed)
    }
  }

  @_noLocks
  private func store(_ stream: Int, next: Int, window: Int) {
    let word = UInt64(next) << 8 | UInt64(window)
    switch stream {
    case 0: first.store(word, ordering: .relaxed)
    case 1: second.store(word, ordering: .relaxed)
    case 2: third.store(word, ordering: .relaxed)
    default: fourth.store(word, ordering: .relaxed)
    }
  }
}
