internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What must come out of `cow demo fork`, in pages of the shared memory.
struct ForkAnswer {
  /// A figure beside what it must be.
  struct Comparison {
    let name: String
    let figure: MemoryFigure?
    let expected: UInt64
    /// Whether it is worth telling; the others are checked only.
    let isShown: Bool

    /// Exact figures must be equal, estimates within 2 %.
    var isRight: Bool {
      guard let figure, let bytes = figure.bytes else { return false }
      if figure.exactness == .exact { return bytes == expected }
      let difference = bytes > expected ? bytes - expected : expected - bytes
      return difference * 50 <= expected
    }

    func text(_ units: ByteUnit) -> String {
      let shown = figure?.bytes.map(units.text) ?? "denied"
      let exactness = figure?.exactness.rawValue ?? "denied"
      return "\(name): \(shown) (\(exactness)), must be \(units.text(expected))"
    }
  }

  let pages: Int
  let dirtyPages: Int
  private let children: Int
  private let dirtyChildren: Int

  init(pages: Int, dirty: Double, children: Int, dirtyChildren: Int) {
    self.pages = pages
    dirtyPages = dirtyChildren == 0 ? 0 : Int((Double(pages) * dirty).rounded(.down))
    self.children = children
    self.dirtyChildren = dirtyChildren
  }

  func bytes(_ pages: Int) -> UInt64 { UInt64(pages) * UInt64(sysconf(Int32(_SC_PAGESIZE))) }

  /// The figures of the shared memory: `processes[0]` is the parent, its children follow in order.
  func comparisons(with tree: ProcessTree, hasWritten: Bool) -> [Comparison] {
    let copied = hasWritten ? dirtyPages : 0
    let copies = copied * dirtyChildren
    let moment = hasWritten ? "after" : "before"
    // The parent shares a page as long as any child has not written to it.
    let parentShares = dirtyChildren < children ? pages : pages - copied
    var list = [
      comparison("\(moment): top counts", tree.total.naive, pages * (children + 1)),
      comparison("\(moment): really used", tree.total.distinct, pages + copies),
      comparison("\(moment): pages that differ", tree.total.differing, copies),
    ]
    for (index, process) in tree.processes.enumerated() {
      let own = index > 0 && index <= dirtyChildren ? copied : 0
      let isFirstWriter = index == 1 && copied > 0
      let shared = index == 0 ? parentShares : pages - own
      let isolated = index == 0 ? pages - parentShares : own
      let name = isFirstWriter ? "\(moment): a child that wrote, " : "process \(process.id), "
      list.append(
        comparison(
          name + "copy-on-write", process.memory.copyOnWrite, shared, isShown: isFirstWriter))
      list.append(
        comparison(name + "private", process.memory.private, isolated, isShown: isFirstWriter))
      guard index > 0 else { continue }
      list.append(comparison(name + "differing", process.differing, own, isShown: false))
      list.append(comparison(name + "fresh", process.fresh, 0, isShown: false))
    }
    return list
  }

  private func comparison(
    _ name: String, _ figure: MemoryFigure?, _ pages: Int, isShown: Bool = true
  ) -> Comparison {
    Comparison(name: name, figure: figure, expected: bytes(pages), isShown: isShown)
  }
}
