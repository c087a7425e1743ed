#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What is known of each page frame (or of each slot of a swap area) that the processes being read
/// map: what it is, and how often a write would part it.
///
/// Two bytes for each frame of the machine, in memory that is reserved whole and populated only where
/// it is touched: 2 MiB describe 4 GiB of the machine's memory, and an access is one load. More
/// than 255 references to a frame are counted in a second such table.
@safe
final class ReferenceTable {
  /// What a frame was seen as; marks add up.
  struct Marks: OptionSet {
    let rawValue: UInt16
    /// Anonymous memory that several address spaces map.
    static let shared = Marks(rawValue: 1 << 14)
    /// Somebody here would make a copy when writing to it.
    static let copyOnWrite = Marks(rawValue: 1 << 13)
    /// A page of a file or of shared memory.
    static let file = Marks(rawValue: 1 << 12)
    /// Somebody here has it where it cannot be written.
    static let readOnly = Marks(rawValue: 1 << 11)
    /// A page of shared memory.
    static let sharedMemory = Marks(rawValue: 1 << 10)

    fileprivate static let seen = Marks(rawValue: 1 << 15)
  }

  private static let countMask: UInt16 = 0xff

  /// Frames from here on are not memory and are not counted.
  let limit: UInt64
  /// How many different frames have been seen, and how many of them with each mark.
  private(set) var distinct: UInt64 = 0
  private(set) var distinctShared: UInt64 = 0
  private(set) var distinctCopyOnWrite: UInt64 = 0
  private(set) var distinctFile: UInt64 = 0

  private let slots: UnsafeMutablePointer<UInt16>
  private let further: UnsafeMutablePointer<UInt16>
  private var touched: [Bool]

  /// Frames for each element of `touched`.
  private static let stretch = 12

  /// - Throws: `AccountingError` where the address space for the table is not to be had.
  init(limit: UInt64) throws(AccountingError) {
    self.limit = limit
    let byteCount = Int(limit) * 2
    let reserve = { () -> UnsafeMutableRawPointer? in
      let memory = unsafe mmap(
        nil, max(byteCount, 1), PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      return unsafe memory == MAP_FAILED ? nil : memory
    }
    guard let slots = unsafe reserve() else {
      throw AccountingError(
        .systemCallFailed, errno: errno, "no address space for the table of page frames")
    }
    guard let further = unsafe reserve() else {
      let code = errno
      unsafe _ = munmap(slots, max(byteCount, 1))
      throw AccountingError(
        .systemCallFailed, errno: code, "no address space for the table of page frames")
    }
    unsafe self.slots = slots.bindMemory(to: UInt16.self, capacity: Int(limit))
    unsafe self.further = further.bindMemory(to: UInt16.self, capacity: Int(limit))
    touched = Array(repeating: false, count: Int(limit >> Self.stretch) + 1)
  }

  deinit {
    unsafe _ = munmap(slots, max(Int(limit) * 2, 1))
    unsafe _ = munmap(further, max(Int(limit) * 2, 1))
  }

  /// Notes that a frame is in use.
  @inline(__always)
  func see(_ frame: UInt64, _ marks: Marks = []) {
    guard frame < limit else { return }
    let old = unsafe slots[Int(frame)]
    let new = old | Marks.seen.rawValue | marks.rawValue
    if new == old { return }
    unsafe slots[Int(frame)] = new
    countMarks(new & ~old, of: frame)
  }

  /// Notes one reference to a frame that others may refer to, too.
  @inline(__always)
  func add(_ frame: UInt64, _ marks: Marks) {
    guard frame < limit else { return }
    see(frame, marks)
    let slot = unsafe slots[Int(frame)]
    if slot & Self.countMask == Self.countMask {
      let more = unsafe further[Int(frame)]
      unsafe further[Int(frame)] = more == .max ? more : more + 1
    } else {
      unsafe slots[Int(frame)] = slot + 1
    }
  }

  /// How many references to the frame were added.
  func references(to frame: UInt64) -> UInt64 {
    guard frame < limit else { return 0 }
    let count = unsafe slots[Int(frame)] & Self.countMask
    if count < Self.countMask { return UInt64(count) }
    return unsafe UInt64(count) + UInt64(further[Int(frame)])
  }

  /// Calls `body` with each stretch of frames that holds any that has been seen.
  func forEachStretch(_ body: (Range<UInt64>) -> Void) {
    for (index, isTouched) in touched.enumerated() where isTouched {
      let start = UInt64(index) << Self.stretch
      body(start..<min(start + 1 << Self.stretch, limit))
    }
  }

  /// Whether the frame is marked as shared and has more than one reference here, all of them from where
  /// it can be written.
  @inline(__always)
  func isSharedHere(_ frame: UInt64) -> Bool {
    let slot = unsafe slots[Int(frame)]
    let marks = slot & (Marks.shared.rawValue | Marks.readOnly.rawValue)
    return marks == Marks.shared.rawValue && slot & Self.countMask > 1
  }

  /// Whether references to the frame were counted because others may have it too.
  @inline(__always)
  func mayBeShared(_ frame: UInt64) -> Bool {
    let slot = unsafe slots[Int(frame)]
    let marks = slot & (Marks.shared.rawValue | Marks.sharedMemory.rawValue)
    return marks != 0 && slot & Self.countMask > 0
  }

  /// Whether the frame was seen as one of shared memory.
  func isSharedMemory(_ frame: UInt64) -> Bool {
    unsafe slots[Int(frame)] & Marks.sharedMemory.rawValue != 0
  }

  /// Counts the marks that a frame has got, without a branch for each.
  @inline(__always)
  private func countMarks(_ marks: UInt16, of frame: UInt64) {
    distinct &+= UInt64(marks >> 15 & 1)
    distinctShared &+= UInt64(marks >> 14 & 1)
    distinctCopyOnWrite &+= UInt64(marks >> 13 & 1)
    distinctFile &+= UInt64(marks >> 12 & 1)
    if marks & Marks.seen.rawValue != 0 { touched[Int(frame >> Self.stretch)] = true }
  }
}
