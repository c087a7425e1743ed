/// One 8-byte entry of /proc/PID/pagemap; see Documentation/admin-guide/mm/pagemap.rst.
struct PagemapEntry: Equatable {
  var rawValue: UInt64

  static let exclusive = UInt64(1) << 56
  static let userfaultProtected = UInt64(1) << 57
  /// A guard page (MADV_GUARD_INSTALL), Linux 6.15.
  static let guardPage = UInt64(1) << 58
  static let file = UInt64(1) << 61
  static let swapped = UInt64(1) << 62
  static let present = UInt64(1) << 63

  /// A page of a mapping that cannot be written. The kernel's bit 55 (soft-dirty) is of no use here
  /// and makes room for it.
  static let readOnly = UInt64(1) << 55
  /// Bits that the kernel leaves 0, for what has been found out about the page by other means.
  static let zero = UInt64(1) << 59
  static let sharingUnknown = UInt64(1) << 60
  /// A page that may have been merged (KSM), where frame numbers are not shown and leave room.
  static let mayBeMerged = UInt64(1) << 54
  /// A page of a mapping that has nothing to do with what the process that this one was forked from
  /// has there. The kernel's bit 58 is for entries without a page.
  static let unrelated = UInt64(1) << 58

  static let frameMask = UInt64(1) << 55 - 1

  /// The frame number of a present page, 0 without privilege.
  var frame: UInt64 { rawValue & Self.frameMask }

  func has(_ bit: UInt64) -> Bool { rawValue & bit != 0 }

  /// The number of the swap area, and the slot in it, of a swapped page.
  var swapArea: Int { Int(rawValue & 31) }
  var swapSlot: UInt64 { frame >> 5 }

  /// Entries that are not pages at all but the kernel's notes (userfaultfd markers, guard pages,
  /// pages in migration) are shown as swapped too, in areas from `MAX_SWAPFILES` on, which is at
  /// least 23 in every configuration.
  static let firstAreaThatIsNoSwap = 23

  /// What identifies the page's content: a frame, or a place in swap space; 0 for nothing.
  var identity: UInt64 { rawValue & (Self.frameMask | Self.swapped) }
}
