/// What somebody meant who typed something else.
enum Suggestion {
  /// The word of `words` that `typed` begins, or that is at most two slips away from it; `nil` where
  /// there is none, or where several are as near.
  static func nearest(to typed: String, among words: [String]) -> String? {
    if typed.isEmpty { return nil }
    let begun = words.filter { $0.hasPrefix(typed) }
    if !begun.isEmpty { return begun.count == 1 ? begun[0] : nil }
    let near = words.map { (word: $0, slips: slips(from: typed, to: $0)) }
      .filter { $0.slips <= 2 && $0.slips < $0.word.count - 1 }
    guard let best = near.map(\.slips).min() else { return nil }
    let nearest = near.filter { $0.slips == best }
    return nearest.count == 1 ? nearest[0].word : nil
  }

  /// How many characters must be put in, left out, changed, or swapped with their neighbour.
  static func slips(from left: String, to right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var rows = [Array(0...right.count)]
    for row in 0..<left.count {
      var next = [row + 1]
      for column in 0..<right.count {
        let change = rows[row][column] + (left[row] == right[column] ? 0 : 1)
        var cost = min(change, rows[row][column + 1] + 1, next[column] + 1)
        let isSwap =
          row > 0 && column > 0 && left[row] == right[column - 1]
          && left[row - 1] == right[column]
        if isSwap { cost = min(cost, rows[row - 1][column - 1] + 1) }
        next.append(cost)
      }
      rows.append(next)
    }
    return rows[left.count][right.count]
  }
}
