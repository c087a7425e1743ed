import MemoryAccounting
import Testing

@testable import MemoryAccounting
@testable import cow

@Suite("TopState and TopRows")
struct TopStateTests {
  /// 1 has the children 2 and 3; 3 has 4; 9 is alone.
  private let model: TopModel

  init() throws {
    let process = { (pid: Int32, parent: Int32, command: String, hasEnded: Bool) in
      let stat = "\(pid) (\(command)) S \(parent)" + String(repeating: " 0", count: 30)
      return TopModel.Process(
        entry: try #require(ProcessEntry(pid: pid, stat: Array(stat.utf8), status: [])),
        program: command, command: command, resident: MemoryFigure(bytes: UInt64(pid) << 20),
        memory: nil, copied: nil, growth: nil, hasEnded: hasEnded)
    }
    model = TopModel(processes: [
      try process(1, 0, "init", false), try process(2, 1, "beta", false),
      try process(3, 1, "alpha", false), try process(4, 3, "gamma", true),
      try process(9, 0, "nine", false),
    ])
  }

  private func shown(_ state: TopState) -> [String] {
    TopRows(model, state).rows.map { $0.branches + ($0.isCollapsed ? "+" : "") + $0.pid }
  }

  private func press(_ keys: [Key], _ state: inout TopState) -> [TopState.Action] {
    keys.compactMap { state.press($0, rows: TopRows(model, state).rows, page: 2) }
  }

  @Test("a tree has children below their parents, a list has none; both are sorted")
  func layouts() {
    var state = TopState(sort: .resident)
    #expect(shown(state) == ["9", "1", "├ 3", "│ └ 4", "└ 2"])
    #expect(press([.character("t")], &state) == [.scan])
    #expect(shown(state) == ["9", "4", "3", "2", "1"])
    _ = press([.character("I")], &state)
    #expect(shown(state) == ["1", "2", "3", "4", "9"])
    _ = press([.character("N")], &state)
    #expect(state.sort == .pid && shown(state) == ["1", "2", "3", "4", "9"])
    _ = press([.character("N")], &state)
    #expect(shown(state) == ["9", "4", "3", "2", "1"])
    state.sort = .command
    state.isReversed = false
    #expect(shown(state) == ["3", "2", "4", "1", "9"])
  }

  @Test("sorting goes through the columns and round")
  func sorting() {
    var state = TopState(sort: .pid)
    for column in TopColumn.allCases.dropFirst() + [.pid] {
      _ = press([.character("s")], &state)
      #expect(state.sort == column)
    }
    _ = press([.character("S")], &state)
    #expect(state.sort == TopColumn.allCases.last)
  }

  @Test("a filter shows what matches, in a tree with its ancestors; a pid matches itself")
  func filter() {
    var state = TopState(sort: .pid)
    _ = press([.character("/"), .character("G"), .character("a"), .character("q")], &state)
    #expect(state.isEditingFilter && shown(state).isEmpty)
    _ = press([.backspace, .enter], &state)
    #expect(!state.isEditingFilter)
    #expect(shown(state) == ["1", "└ 3", "  └ 4"])
    _ = press([.character("t")], &state)
    #expect(shown(state) == ["4"])
    _ = press([.escape], &state)
    #expect(shown(state).count == 5)
    _ = press([.character("/"), .character("9"), .enter], &state)
    #expect(shown(state) == ["9"])
  }

  @Test("a tree folds and unfolds under the cursor, which stays with its process")
  func folding() {
    var state = TopState(sort: .pid)
    _ = press([.down, .down], &state)
    #expect(state.cursor == .process(3))
    _ = press([.left], &state)
    #expect(shown(state) == ["1", "├ 2", "└ +3", "9"])
    _ = press([.character("I")], &state)
    #expect(state.cursor == .process(3))
    #expect(shown(state) == ["9", "1", "├ +3", "└ 2"])
    _ = press([.character(" ")], &state)
    #expect(shown(state) == ["9", "1", "├ 3", "│ └ 4", "└ 2"])
    // What has no children does not fold.
    _ = press([.end, .left], &state)
    #expect(state.collapsed.isEmpty)
  }

  @Test("the view follows the cursor, and never leaves the rows")
  func scrolling() {
    var state = TopState(sort: .pid)
    let rows = TopRows(model, state).rows
    let scrolled = { (keys: [Key]) in
      _ = press(keys, &state)
      state.scroll(rows, count: 2)
      return [state.cursorIndex(rows), state.firstRow]
    }
    #expect(scrolled([.up]) == [0, 0])
    #expect(scrolled([.down]) == [1, 0])
    #expect(scrolled([.down]) == [2, 1])
    #expect(scrolled([.pageDown]) == [4, 3])
    #expect(scrolled([.pageDown]) == [4, 3])
    #expect(scrolled([.up]) == [3, 3])
    #expect(scrolled([.home]) == [0, 0])
    #expect(scrolled([.end]) == [4, 3])
    // The rows have gone, but for one.
    state.scroll(Array(rows.prefix(1)), count: 2)
    #expect(state.firstRow == 0)
    #expect(state.cursorIndex([]) == 0)
    #expect(press([.character("q")], &state) == [.quit])
  }

  @Test("groups come one after the other, and then the tree again")
  func groups() {
    var state = TopState(sort: .cow)
    var keys: [GroupKey?] = []
    for _ in 0..<4 {
      #expect(press([.character("g")], &state) == [.scan])
      keys.append(state.groupKey)
    }
    #expect(keys == [.program, .cgroup, .user, nil])
    #expect(state.layout == .tree)
  }

  @Test("panels open, scroll and close; any other key closes them")
  func panels() {
    var state = TopState(sort: .pid)
    #expect(press([.character("?")], &state) == [.open(.help)])
    _ = press([.down, .down, .pageDown], &state)
    #expect(state.firstPanelLine == 4)
    state.scrollPanel(lines: 5, count: 2)
    #expect(state.firstPanelLine == 3)
    #expect(press([.character("x")], &state).isEmpty)
    #expect(state.panel == nil)
    #expect(press([.down, .character("m")], &state) == [.open(.map(2))])
    #expect(press([.escape, .character("d")], &state) == [.open(.difference)])
    #expect(press([.control("c")], &state) == [.quit])
  }

  @Test("letters that are commands are text while a filter is typed")
  func typing() {
    var state = TopState(sort: .pid)
    #expect(press([.character("/"), .character("q"), .character("?")], &state).isEmpty)
    #expect(state.filter == "q?")
    #expect(press([.escape, .character("q")], &state) == [.quit])
    #expect(state.filter == "")
  }
}
