#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// How often each page frame (or each slot of a swap area) is mapped by the processes being read.
///
/// One byte for each frame of the machine, in memory that is reserved whole and populated only where
/// it is touched: 1 MiB describes 4 GiB of the machine's memory, and an access is one load. More
/// than 63 references to a frame are counted in a second such table.
@safe
final class ReferenceTable {
  private static let seen: UInt8 = 0x80
  private static let shared: UInt8 = 0x40
  private static let countMask: UInt8 = 0x3f

  /// Frames from here on are not memory and are not counted.
  let limit: UInt64
  /// How many different frames have been seen.
  private(set) var distinct: UInt64 = 0

  private let slots: UnsafeMutablePointer<UInt8>
  private let further: UnsafeMutablePointer<UInt16>
  private var touched: [Bool]

  /// Frames for each element of `touched`: what one page of the table describes.
  private static let stretch = 12

  /// - Throws: `AccountingError` where the address space for the table is not to be had.
  init(limit: UInt64) throws(AccountingError) {
    self.limit = limit
    let reserve = { (byteCount: Int) -> UnsafeMutableRawPointer? in
      let memory = unsafe mmap(
        nil, max(byteCount, 1), PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      return unsafe memory == MAP_FAILED ? nil : memory
    }
    guard let slots = unsafe reserve(Int(limit)) else {
      throw AccountingError(
        .systemCallFailed, errno: errno, "no address space for the table of page frames")
    }
    guard let further = unsafe reserve(Int(limit) * 2) else {
      let code = errno
      unsafe _ = munmap(slots, max(Int(limit), 1))
      throw AccountingError(
        .systemCallFailed, errno: code, "no address space for the table of page frames")
    }
    unsafe self.slots = slots.bindMemory(to: UInt8.self, capacity: Int(limit))
    unsafe self.further = further.bindMemory(to: UInt16.self, capacity: Int(limit))
    touched = Array(repeating: false, count: Int(limit >> Self.stretch) + 1)
  }

  deinit {
    unsafe _ = munmap(slots, max(Int(limit), 1))
    unsafe _ = munmap(further, max(Int(limit) * 2, 1))
  }

  /// Notes that a frame is in use.
  @inline(__always)
  func see(_ frame: UInt64) {
    guard frame < limit else { return }
    let old = unsafe slots[Int(frame)]
    if old == 0 { isFirst(frame) }
    unsafe slots[Int(frame)] = old | Self.seen
  }

  /// Notes one reference that a write would part from the frame; `isShared` if it is known to be one
  /// of several.
  @inline(__always)
  func add(_ frame: UInt64, isShared: Bool) {
    guard frame < limit else { return }
    let old = unsafe slots[Int(frame)]
    if old == 0 { isFirst(frame) }
    let marks = Self.seen | (isShared ? Self.shared : 0)
    if old & Self.countMask == Self.countMask {
      let more = unsafe further[Int(frame)]
      unsafe further[Int(frame)] = more == .max ? more : more + 1
      unsafe slots[Int(frame)] = old | marks
    } else {
      unsafe slots[Int(frame)] = (old | marks) + 1
    }
  }

  /// Marks a frame, all of whose references have been added, as shared.
  func markShared(_ frame: UInt64) {
    guard frame < limit else { return }
    unsafe slots[Int(frame)] |= Self.shared
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

  /// Whether the frame is marked as shared and has more than one reference here.
  @inline(__always)
  func isSharedHere(_ frame: UInt64) -> Bool {
    let slot = unsafe slots[Int(frame)]
    return slot & Self.shared != 0 && slot & Self.countMask > 1
  }

  private func isFirst(_ frame: UInt64) {
    distinct += 1
    touched[Int(frame >> Self.stretch)] = true
  }
}
