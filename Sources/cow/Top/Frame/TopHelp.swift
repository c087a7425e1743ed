/// What `?` shows: what each column and figure says, and the keys.
struct TopHelp {
  let width: Int
  let knowsWriters: Bool

  private static let figures: [(String, String)] = [
    ("RAM", "what all processes use together: each page counted once"),
    ("top", "the sum of their RES, as top and htop suggest it"),
    ("private", "of RAM, anonymous pages of one process alone"),
    ("shared by fork", "of RAM, anonymous pages that several processes have"),
    ("files+shm", "of RAM, pages of files and of shared memory"),
    ("freed if killed", "what would be free without them, at least"),
    ("worst case", "how much more is needed, at most, if everyone writes to everything"),
    ("growth", "how much was copied in the last minute"),
    ("scan", "the share of one processor that cow takes to find all this out"),
    ("~", "an estimate; as root nearly all figures are exact"), ("≤", "this much or less"),
    ("WRITTEN BY", "who wrote there; ~ if memory was ever swapped or merged"),
    ("LEFT TO COPY", "what is still shared copy-on-write there"),
  ]

  private static let keys: [(String, String)] = [
    ("arrows, PgUp, PgDn", "move; Left and Right, or Space, fold and unfold a tree"),
    ("t", "tree or flat list"), ("g", "groups: by program, control group, user, none"),
    ("s S", "sort by the next or previous column; I reverses"),
    ("/", "show only commands with these letters, or a pid"),
    ("m", "map of the process"), ("d", "what changed since cow top began"),
    ("r", "record to a file, until r is pressed again"), ("q", "quit"),
  ]

  var lines: [String] {
    let columns = TopColumn.allCases.map {
      ($0.title(knowsWriters: knowsWriters), $0.meaning(knowsWriters: knowsWriters))
    }
    return ["Columns"] + section(columns) + ["", "Figures"] + section(Self.figures) + ["", "Keys"]
      + section(Self.keys)
  }

  private func section(_ entries: [(String, String)]) -> [String] {
    let term = 20
    return entries.flatMap { name, meaning in
      wrapped(meaning, max(width - term, 20)).enumerated().map { index, line in
        Columns.fitted("  " + Columns.left(index == 0 ? name : "", term - 2) + line, width)
      }
    }
  }

  private func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
