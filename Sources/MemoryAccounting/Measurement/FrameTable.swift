#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Who shares each page frame (or each slot of a swap area), of those that several may.
///
/// The number of a set of sharers for each frame of the machine, in memory that is reserved whole and
/// populated only where it is touched: an access is one load.
@safe
final class FrameTable {
  typealias Marks = SharerSets.Marks

  /// Frames from here on are not memory and are not counted.
  let limit: UInt64
  let sets: SharerSets

  private let slots: UnsafeMutablePointer<UInt32>
  private let byteCount: Int
  /// A byte for each stretch of frames of which any has been seen.
  private let touched: UnsafeMutableBufferPointer<Bool>
  /// References to frames that one address space may map any number of times.
  private let repeated: FrameNumbers

  /// Frames for each element of `touched`.
  private static let stretch = 12
  static let framesPerStretch = 1 << stretch

  /// - Throws: `AccountingError` where the address space for the table is not to be had.
  init(limit: UInt64, _ groups: Groups) throws(AccountingError) {
    self.limit = limit
    sets = SharerSets(groups)
    repeated = try FrameNumbers(limit: limit)
    byteCount = max(Int(limit) * 4, 1)
    let memory = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw AccountingError(
        .systemCallFailed, errno: errno, "no address space for the table of page frames")
    }
    unsafe slots = memory.bindMemory(to: UInt32.self, capacity: Int(limit))
    unsafe touched = .allocate(capacity: Int(limit >> Self.stretch) + 1)
    unsafe touched.initialize(repeating: false)
  }

  deinit {
    unsafe _ = munmap(slots, byteCount)
    unsafe touched.deallocate()
  }

  /// Notes that an address space has a frame, however often.
  @inline(__always)
  func see(_ frame: UInt64, _ marks: Marks = [], in space: Int) {
    update(frame, marks, isCounted: false, space)
  }

  /// Notes the one reference that an address space has to a frame.
  @inline(__always)
  func add(_ frame: UInt64, _ marks: Marks, in space: Int) {
    update(frame, marks, isCounted: true, space)
  }

  /// Notes one of any number of references that an address space has to a frame.
  @inline(__always)
  func addRepeated(_ frame: UInt64, _ marks: Marks, in space: Int) {
    update(frame, marks, isCounted: false, space)
    repeated[frame] += 1
  }

  @inline(__always)
  private func update(_ frame: UInt64, _ marks: Marks, isCounted: Bool, _ space: Int) {
    guard frame < limit else { return }
    let old = unsafe slots[Int(frame)]
    if old == 0 { unsafe touched[Int(frame >> Self.stretch)] = true }
    unsafe slots[Int(frame)] = sets.adding(space, marks, isCounted: isCounted, to: old)
  }

  /// How many references to the frame were added.
  func references(to frame: UInt64) -> UInt64 {
    guard frame < limit else { return 0 }
    return unsafe sets.references(of: slots[Int(frame)]) + UInt64(repeated[frame])
  }

  /// Calls `body` with each stretch of frames that holds any that has been seen.
  func forEachStretch(_ body: (Range<UInt64>) -> Void) {
    for index in 0...Int(limit >> Self.stretch) where unsafe touched[index] {
      let start = UInt64(index) << Self.stretch
      body(start..<min(start + 1 << Self.stretch, limit))
    }
  }

  /// What follows for a frame from who shares it.
  struct Sharing {
    fileprivate var set: UInt32 = 0
    /// There may be more references than the set tells of: they are different for each frame.
    fileprivate var isRepeated = false
    /// The frame has more than one reference here, of which the last does not need a copy.
    fileprivate(set) var isSharedHere = false
    /// Nobody else may have it. One that was seen to be shared and has one reference here has others
    /// elsewhere.
    fileprivate(set) var mayBeFreed = false
    fileprivate(set) var isSharedMemory = false
    /// The innermost group that all who have it belong to.
    fileprivate(set) var home = 0
    fileprivate(set) var references: UInt64 = 0
  }

  /// Brings what is known of a frame up to date for another one, mostly one of the same sharers.
  @inline(__always)
  func look(at frame: UInt64, _ sharing: inout Sharing) {
    let set = unsafe slots[Int(frame)]
    if set != sharing.set || sharing.isRepeated { sharing = self.sharing(set, frame) }
  }

  private func sharing(_ set: UInt32, _ frame: UInt64) -> Sharing {
    if set == 0 { return Sharing() }
    let marks = sets.marks(of: set)
    let references = references(to: frame)
    let isShared = marks.contains(.shared)
    return Sharing(
      set: set, isRepeated: !marks.isDisjoint(with: [.sharedMemory, .alwaysCopied]),
      isSharedHere: isShared && !marks.contains(.alwaysCopied) && references > 1,
      mayBeFreed: (isShared || marks.contains(.sharedMemory)) && !marks.contains(.pooled)
        && references > 1,
      isSharedMemory: marks.contains(.sharedMemory), home: sets.home(of: set),
      references: references)
  }
}
