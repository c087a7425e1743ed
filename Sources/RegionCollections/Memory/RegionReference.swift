internal import Glibc
internal import MemorySnapshots

/// The region behind a heap's memory, to give pages back to the system; or none.
///
/// Not counted: an accessor that is made for one expression would otherwise pay two atomic operations.
/// Whoever makes one keeps the region for as long.
@safe
@usableFromInline
struct RegionReference: @unchecked Sendable {
  private let region: Unmanaged<MemoryRegion>?

  /// - Parameter region: Lives for as long as this or a copy is used; `nil` if no pages are given back.
  @unsafe
  init(_ region: MemoryRegion?) {
    unsafe self.region = region.map { unsafe Unmanaged.passUnretained($0) }
  }

  /// Gives the whole system pages in a range of bytes back. False if they could not be.
  func discard(_ range: Range<Int>) -> Bool {
    guard let region = unsafe region else { return true }
    let pageSize = RegionReference.systemPageSize
    let start = (range.lowerBound + pageSize - 1) / pageSize * pageSize
    let end = range.upperBound / pageSize * pageSize
    guard start < end else { return true }
    return unsafe region._withUnsafeGuaranteedRef { region in
      (try? region.discard(start..<end)) != nil
    }
  }

  private static let systemPageSize = sysconf(Int32(_SC_PAGESIZE))
}
