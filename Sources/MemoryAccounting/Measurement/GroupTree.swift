/// A tree of groups, number 0 around all others: which is the innermost that two belong to, and sums
/// over each with all inside it.
struct GroupTree {
  /// The group around each one; 0 around itself.
  let parents: [Int]
  /// How many groups are around each one.
  private let depths: [Int]
  /// A group further out for each one, so that a walk outwards takes O(log n) steps: Myers's skew-binary
  /// pointers.
  private let jumps: [Int]
  /// The place of each group in an order in which those inside one follow it without a gap.
  let places: [Int]
  /// The groups in that order.
  private let order: [Int]

  /// Makes a tree of `parents.count` groups. What goes in a circle, or names no group, is in the whole.
  ///
  /// - Complexity: O(n).
  init(parents wanted: [Int]) {
    var parents = wanted.map { wanted.indices.contains($0) ? $0 : 0 }
    if parents.isEmpty { parents = [0] }
    parents[0] = 0
    Self.cutCircles(&parents)
    var children: [[Int]] = Array(repeating: [], count: parents.count)
    for group in parents.indices.dropFirst() { children[parents[group]].append(group) }
    var depths = Array(repeating: 0, count: parents.count)
    var jumps = depths
    var places = depths
    var order: [Int] = []
    var pending = [0]
    while let group = pending.popLast() {
      places[group] = order.count
      order.append(group)
      for child in children[group].reversed() {
        let far = jumps[group]
        let isEven = depths[group] - depths[far] == depths[far] - depths[jumps[far]]
        depths[child] = depths[group] + 1
        jumps[child] = isEven ? jumps[far] : group
        pending.append(child)
      }
    }
    self.parents = parents
    self.depths = depths
    self.jumps = jumps
    self.places = places
    self.order = order
  }

  var count: Int { parents.count }

  /// A pid may have been used again while the processes were listed: then there are circles.
  private static func cutCircles(_ parents: inout [Int]) {
    // 0: not looked at; 1: on the way outwards that is being followed; 2: known to lead to the whole.
    var states: [UInt8] = Array(repeating: 0, count: parents.count)
    states[0] = 2
    for start in parents.indices where states[start] == 0 {
      var way: [Int] = []
      var group = start
      while states[group] == 0 {
        states[group] = 1
        way.append(group)
        if states[parents[group]] == 1 { parents[group] = 0 }
        group = parents[group]
      }
      for group in way { states[group] = 2 }
    }
  }

  /// The innermost group that two belong to. O(log n).
  func common(_ left: Int, _ right: Int) -> Int {
    var (left, right) = (left, right)
    if depths[left] < depths[right] { swap(&left, &right) }
    while depths[left] > depths[right] {
      left = depths[jumps[left]] >= depths[right] ? jumps[left] : parents[left]
    }
    while left != right {
      let isTooFar = jumps[left] == jumps[right]
      left = isTooFar ? parents[left] : jumps[left]
      right = isTooFar ? parents[right] : jumps[right]
    }
    return left
  }

  /// Calls `add` so that the sum over each group, with all inside it, is 1 where it holds any of `groups`
  /// and 0 elsewhere: 1 at each of them, and -1 at the innermost that two neighbours have in common.
  ///
  /// - Complexity: O(k log n), k being the number of `groups`.
  func spread(_ groups: some Sequence<Int>, _ add: (_ group: Int, _ sign: Int) -> Void) {
    let sorted = groups.sorted { places[$0] < places[$1] }
    for (index, group) in sorted.enumerated() {
      add(group, 1)
      if index > 0 { add(common(sorted[index - 1], group), -1) }
    }
  }

  /// Calls `add` for each group and the one around it, those inside it first.
  func forEachOutwards(_ add: (_ group: Int, _ parent: Int) -> Void) {
    for group in order.reversed() where group != 0 { add(group, parents[group]) }
  }
}
