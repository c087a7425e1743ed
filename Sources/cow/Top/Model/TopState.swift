/// What somebody has chosen to see in `cow top`, and how keys change it.
struct TopState {
  enum Layout: Equatable {
    case tree, flat
    case groups(GroupKey)
  }

  /// Text over the whole screen in place of the table.
  enum Panel: Equatable {
    case help
    case map(Int32)
    case difference
  }

  /// What a key asks for beyond the state.
  enum Action: Equatable {
    case quit
    /// A panel has been opened, whose text is to be made.
    case open(Panel)
    /// Other groups than those scanned are to be shown.
    case scan
    case toggleRecording
    case suspend
  }

  var layout = Layout.tree
  var sort: TopColumn
  var isReversed = false
  private(set) var filter = ""
  private(set) var isEditingFilter = false
  /// The row that the cursor is on; `nil` is the first.
  private(set) var cursor: TopRow.Identity?
  private(set) var collapsed: Set<Int32> = []
  private(set) var panel: Panel?
  /// The first line of the table, or of the panel, that is shown.
  private(set) var firstRow = 0
  private(set) var firstPanelLine = 0

  init(sort: TopColumn) { self.sort = sort }

  var groupKey: GroupKey? {
    if case .groups(let key) = layout { return key }
    return nil
  }

  func matches(_ row: TopRow) -> Bool {
    filter.isEmpty || row.pid == filter
      || row.command.lowercased().contains(filter.lowercased())
  }

  /// Moves the view so that the cursor is among `count` lines of it.
  mutating func scroll(_ rows: [TopRow], count: Int) {
    let index = cursorIndex(rows)
    let last = max(rows.count - count, 0)
    firstRow = min(max(firstRow, index - count + 1), min(index, last))
    firstRow = max(firstRow, 0)
  }

  mutating func scrollPanel(lines: Int, count: Int) {
    firstPanelLine = max(min(firstPanelLine, lines - count), 0)
  }

  /// The row under the cursor; the nearest to where it was, if that has gone.
  func cursorIndex(_ rows: [TopRow]) -> Int {
    guard let cursor else { return 0 }
    if let index = rows.firstIndex(where: { $0.identity == cursor }) { return index }
    return max(min(firstRow, rows.count - 1), 0)
  }

  /// Answers a key; `rows` are the rows as they are shown, `page` how many fit the screen.
  mutating func press(_ key: Key, rows: [TopRow], page: Int) -> Action? {
    if key == .control("c") { return .quit }
    if key == .control("z") { return .suspend }
    if isEditingFilter {
      editFilter(key)
      return nil
    }
    if panel != nil { return pressInPanel(key, page) }
    if move(key, rows, page) { return nil }
    switch key {
    case .character("q"), .control("d"), .function(10): return .quit
    case .character("?"), .character("h"), .function(1): return open(.help)
    case .character("t"), .function(5):
      layout = layout == .tree ? .flat : .tree
      return .scan
    case .character("g"):
      layout = nextGroups
      cursor = nil
      return .scan
    case .character("/"), .function(4), .function(3): isEditingFilter = true
    case .escape: filter = ""
    case .character("s"), .character(">"), .character("."), .function(6): changeSort(by: 1)
    case .character("S"), .character("<"), .character(","): changeSort(by: -1)
    case .character("I"): isReversed.toggle()
    case .character("M"): sort(by: .resident)
    case .character("N"): sort(by: .pid)
    case .character(" "), .enter: toggle(rows)
    case .left, .character("-"): setCollapsed(true, rows)
    case .right, .character("+"): setCollapsed(false, rows)
    case .character("m"):
      guard case .process(let pid) = cursorRow(rows)?.identity else { return nil }
      return open(.map(pid))
    case .character("d"): return open(.difference)
    case .character("r"): return .toggleRecording
    default: break
    }
    return nil
  }

  private mutating func open(_ panel: Panel) -> Action {
    self.panel = panel
    firstPanelLine = 0
    return .open(panel)
  }

  private mutating func pressInPanel(_ key: Key, _ page: Int) -> Action? {
    switch key {
    case .up, .character("k"): firstPanelLine -= 1
    case .down, .character("j"): firstPanelLine += 1
    case .pageUp: firstPanelLine -= page
    case .pageDown, .character(" "): firstPanelLine += page
    case .home: firstPanelLine = 0
    case .end: firstPanelLine = .max / 2
    case .function(10): return .quit
    case .character, .escape, .enter, .function: panel = nil
    default: break
    }
    firstPanelLine = max(firstPanelLine, 0)
    return nil
  }

  private mutating func editFilter(_ key: Key) {
    switch key {
    case .character(let character): filter.append(character)
    case .backspace: _ = filter.popLast()
    case .control("u"): filter = ""
    case .enter: isEditingFilter = false
    case .escape:
      filter = ""
      isEditingFilter = false
    default: break
    }
  }

  private mutating func move(_ key: Key, _ rows: [TopRow], _ page: Int) -> Bool {
    let index = cursorIndex(rows)
    let target: Int
    switch key {
    case .up, .character("k"): target = index - 1
    case .down, .character("j"): target = index + 1
    case .pageUp: target = index - page
    case .pageDown: target = index + page
    case .home: target = 0
    case .end: target = rows.count - 1
    default: return false
    }
    if !rows.isEmpty { cursor = rows[min(max(target, 0), rows.count - 1)].identity }
    return true
  }

  private func cursorRow(_ rows: [TopRow]) -> TopRow? {
    rows.isEmpty ? nil : rows[cursorIndex(rows)]
  }

  private var nextGroups: Layout {
    guard let groupKey else { return .groups(.program) }
    let keys = GroupKey.allCases
    let next = (keys.firstIndex(of: groupKey) ?? 0) + 1
    return next < keys.count ? .groups(keys[next]) : .tree
  }

  private mutating func sort(by column: TopColumn) {
    if sort == column { isReversed.toggle() } else { isReversed = false }
    sort = column
  }

  private mutating func changeSort(by step: Int) {
    let all = TopColumn.allCases
    let index = (all.firstIndex(of: sort) ?? 0) + step + all.count
    sort = all[index % all.count]
    isReversed = false
  }

  private mutating func toggle(_ rows: [TopRow]) {
    guard let row = cursorRow(rows) else { return }
    setCollapsed(!row.isCollapsed, rows)
  }

  private mutating func setCollapsed(_ isCollapsed: Bool, _ rows: [TopRow]) {
    guard layout == .tree, let row = cursorRow(rows), case .process(let pid) = row.identity else {
      return
    }
    if !isCollapsed {
      collapsed.remove(pid)
    } else if row.hasChildren {
      collapsed.insert(pid)
    }
    cursor = row.identity
  }
}
