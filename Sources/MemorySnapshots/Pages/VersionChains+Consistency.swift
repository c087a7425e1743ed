internal import Synchronization

extension VersionChains {
  /// What is wrong with a list of versions, if anything is. Control lock held, gate closed.
  ///
  /// - Parameters:
  ///   - owned: The epochs in which the versions of the list may have been made.
  ///   - keptPages: Receives how many of them take memory.
  func contradiction(
    in list: VersionList, _ owned: Range<UInt64>, _ keptPages: inout Int
  ) -> StaticString? {
    var number = list.first
    var previous: UInt32 = 0
    var count = 0
    while number != 0 {
      let version = record(number)
      let upper = version.value.upper.load(ordering: .relaxed)
      guard version.value.lower < owned.lowerBound, owned.contains(upper) else {
        return "a version is owned by a snapshot that is not the newest to need it"
      }
      guard version.value.previous == previous || previous == 0 else {
        return "a list of versions is not linked both ways"
      }
      let word = table.word(Int(version.value.page))
      let newer = version.value.newer
      let link =
        newer == 0 ? word.newestVersion : record(newer).value.older.load(ordering: .relaxed)
      guard link == number, word.preserved >= upper else {
        return "a page does not lead to one of its versions"
      }
      if version.value.location != .zero { keptPages += 1 }
      previous = number
      number = version.value.next
      count += 1
      // A list that has become a ring has no end.
      guard count <= list.count else { break }
    }
    guard count == list.count, count == 0 || previous == list.last else {
      return "a list of versions is not as long as was counted"
    }
    return nil
  }
}
