/// How many different pages there seem to be, for readers who may not see frames.
///
/// Anonymous pages that several relatives share at one address are taken to be one.
struct PageEstimate {
  /// Anonymous pages of one address space.
  var `private`: UInt64 = 0
  /// Anonymous pages of several address spaces that were not merged, and those of them that would be
  /// copied on write.
  var shared: UInt64 = 0
  var copyOnWrite: UInt64 = 0
  /// Addresses at which a merged page is: how many pages they have together, only the kernel knows.
  var mergedAddresses: UInt64 = 0
  /// Slots of swap space.
  var swapped: UInt64 = 0

  /// Adds what was found at addresses where pages may have been merged: `addresses` of them, where
  /// `merged` of `mergeable` pages were.
  mutating func addMergeable(addresses: UInt64, merged: UInt64, of mergeable: UInt64) {
    if addresses == 0 { return }
    let share = mergeable == 0 ? 0 : Double(merged) / Double(mergeable)
    let atMerged = min(UInt64((Double(addresses) * share).rounded()), addresses)
    mergedAddresses += atMerged
    shared += addresses - atMerged
    copyOnWrite += addresses - atMerged
  }

  /// The pages that the merged addresses have together: no more than all merged pages of the system.
  func mergedPages() -> UInt64 {
    if mergedAddresses == 0 { return 0 }
    let all = ProcFile.number("/sys/kernel/mm/ksm/pages_shared") ?? mergedAddresses
    return min(mergedAddresses, max(all, 1))
  }

  static func += (left: inout PageEstimate, right: PageEstimate) {
    left.private &+= right.private
    left.shared &+= right.shared
    left.copyOnWrite &+= right.copyOnWrite
    left.mergedAddresses &+= right.mergedAddresses
    left.swapped &+= right.swapped
  }

  static func -= (left: inout PageEstimate, right: PageEstimate) {
    left.private &-= right.private
    left.shared &-= right.shared
    left.copyOnWrite &-= right.copyOnWrite
    left.mergedAddresses &-= right.mergedAddresses
    left.swapped &-= right.swapped
  }
}
