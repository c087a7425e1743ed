/// Whether a store may grow, as far as the control groups go. One for all stores of the process, so that
/// no two take the same room. The groups are asked each time: a limit may be set or lowered, and the
/// process be put into another group, at any time.
///
/// All zeros at first: see `ProcessMemory`.
struct MemoryAllowance {
  /// What stores have been allowed, and the kernel may not have counted yet.
  private var underWay = 0
  private var wasLimited = false

  /// Takes the room for `byteCount` more that are to be populated; false if there is none. If there is,
  /// `settle` has to follow.
  mutating func reserve(_ byteCount: Int, of groups: borrowing MemoryControlGroups) -> Bool {
    let needed = underWay + byteCount
    switch groups.room(for: needed) {
    case .unlimited: wasLimited = false
    case .unknown: guard !wasLimited else { return false }
    case .bytes(let room):
      wasLimited = true
      guard room >= needed else { return false }
    }
    underWay = needed
    return true
  }

  /// Says that memory that was taken is populated, or will not be.
  mutating func settle(_ byteCount: Int) { underWay -= byteCount }
}

extension ProcessMemory {
  /// What all stores of the process share. Under `allowanceLock`.
  var allowance: Reference<MemoryAllowance> {
    unsafe Reference(
      at: pointer(ProcessMemory.allowance).assumingMemoryBound(to: MemoryAllowance.self))
  }
}

extension Reference where Value == MemoryAllowance {
  var value: MemoryAllowance {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
    @_noLocks nonmutating unsafeMutableAddress { unsafe pointer }
  }
}
