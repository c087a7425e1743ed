/// Whether the store may grow, as far as the control groups go: asks them now and then, and more often
/// the nearer their limit is. The keeper's own.
struct MemoryAllowance {
  /// How much may be taken without asking, until when.
  private var credit = 0
  private var end: UInt64 = 0
  private var wasLimited = false

  private static var longest: UInt64 { 1_000_000_000 }
  private static var longestNearLimit: UInt64 { 100_000_000 }
  private static var shareOfRoom: Int { 8 }
  /// A limit may be set, or the process be put into a group that has one, at any time.
  private static var mostCredit: Int { 16 << 20 }

  mutating func takes(_ byteCount: Int, of groups: borrowing MemoryControlGroups) -> Bool {
    let now = Kernel.nanoseconds()
    if now < end, credit >= byteCount {
      credit -= byteCount
      return true
    }
    switch groups.room() {
    case .unlimited:
      wasLimited = false
      credit = MemoryAllowance.mostCredit
      end = now + MemoryAllowance.longest
      return true
    case .unknown:
      return !wasLimited
    case .bytes(let room):
      wasLimited = true
      credit = min(
        max(room - byteCount, 0) / MemoryAllowance.shareOfRoom, MemoryAllowance.mostCredit)
      end = now + MemoryAllowance.longestNearLimit
      return room >= byteCount
    }
  }
}
