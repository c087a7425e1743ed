/// Text set in columns.
enum Columns {
  /// `text`, cut to `width` characters; an ellipsis stands for what is missing.
  static func fitted(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(width - 1, 0))) + (width > 0 ? "…" : "")
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
