/// Text set in columns.
enum Columns {
  /// `text`, cut to `width` characters; an ellipsis stands for what is missing.
  static func fitted(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(width - 1, 0))) + (width > 0 ? "…" : "")
  }

  /// The same for text with escape sequences that colour it: they are kept, and take no width.
  static func fitted(styled text: String, _ width: Int) -> String {
    let escape = /\u{1B}\[[0-9;]*m/
    guard text.replacing(escape, with: "").count > width else { return text }
    var rest = text[...]
    var result = ""
    var left = max(width - 1, 0)
    while let character = rest.first {
      if let sequence = rest.prefixMatch(of: escape) {
        result += sequence.output
        rest = rest[sequence.range.upperBound...]
        continue
      }
      if left > 0 { result.append(character) }
      if left == 0, width > 0 { result += "…" }
      left -= 1
      rest.removeFirst()
    }
    return result
  }

  /// `text` at the right end of `width` characters.
  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  /// `text` at the left end of `width` characters.
  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 0))
  }

  /// Rows of cells: all but the last at the right end of their columns, which are two blanks apart,
  /// the last as it is; each line at most `width` characters long.
  static func table(_ rows: [[String]], width: Int) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.reduce(0) { column < $1.count ? max($0, $1[column].count) : $0 }
    }
    return rows.map { row in
      let cells = row.enumerated().map { index, cell in
        index == count - 1 ? cell : right(cell, widths[index])
      }
      return fitted(cells.joined(separator: "  "), width)
    }
  }
}
