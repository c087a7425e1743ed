internal import MemoryAccounting

/// What was copied in one mapping between two scans, and who wrote, where that can be known.
struct CopiedPages: Equatable {
  let start: UInt64
  let name: String
  let bytes: UInt64
  /// The process that wrote; `nil` if it cannot be known.
  let writer: Int32?
  /// Whether it is certain that it wrote: not where pages may have come back from swap space, or have
  /// been parted from their equals.
  var isCertain = true
}

/// Finds what was copied between two scans of the same processes: the pages that have come to differ
/// between a process and its parent, with who wrote to them, as far as the kernel's marks tell. What
/// makes one look wrong (pages that were pinned at the fork) has been so in both.
struct CopySearch {
  private let before: ProcessTree
  private let after: ProcessTree

  init(from before: ProcessTree, to after: ProcessTree) {
    self.before = before
    self.after = after
  }

  /// What was copied, most first.
  var found: [CopiedPages] {
    let earlier = Dictionary(
      before.processes.map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
    var found: [CopiedPages] = []
    // A parent's page that differs from several children's was written to once.
    var byParents: [Place: (bytes: UInt64, isCertain: Bool)] = [:]
    for process in after.processes where process.sharesMemoryWith == nil {
      guard let old = earlier[key(process)] else { continue }
      let mappings = Dictionary(
        old.mappings.map { ($0.addresses.lowerBound, $0) }, uniquingKeysWith: { first, _ in first })
      for mapping in process.mappings {
        let start = mapping.addresses.lowerBound
        guard let before = mappings[start], before.name == mapping.name else { continue }
        let growth = { (figure: (MappingMemory) -> MemoryFigure?) -> UInt64 in
          let (then, now) = (figure(before)?.bytes ?? 0, figure(mapping)?.bytes ?? 0)
          return now.subtractingDownToZero(then)
        }
        let isCertain = mapping.writers?.process.exactness == .exact
        let add = { (bytes: UInt64, writer: Int32?) in
          if bytes == 0 { return }
          found.append(
            CopiedPages(
              start: start, name: mapping.name, bytes: bytes, writer: writer,
              isCertain: isCertain))
        }
        guard mapping.writers != nil else {
          add(growth { $0.differing }, nil)
          continue
        }
        // Whose own the pages of a large folio are shows when it is split: nobody has written then.
        let settled = (before.writers?.unknown.bytes ?? 0).subtractingDownToZero(
          mapping.writers?.unknown.bytes ?? 0)
        add(growth { $0.writers?.process }.subtractingDownToZero(settled), process.id)
        add(growth { $0.writers?.unknown }, nil)
        let place = Place(parent: process.process.parent, start: start, name: mapping.name)
        let byParent = growth { $0.writers?.parent }.subtractingDownToZero(settled)
        let known = byParents[place] ?? (0, true)
        byParents[place] = (max(known.bytes, byParent), known.isCertain && isCertain)
      }
    }
    for (place, copied) in byParents where copied.bytes > 0 {
      found.append(
        CopiedPages(
          start: place.start, name: place.name, bytes: copied.bytes, writer: place.parent,
          isCertain: copied.isCertain))
    }
    return found.sorted { left, right in
      (right.bytes, left.start, left.writer ?? 0) < (left.bytes, right.start, right.writer ?? 0)
    }
  }

  private struct Place: Hashable {
    let parent: Int32
    let start: UInt64
    let name: String
  }

  private func key(_ process: ProcessMemory) -> String {
    "\(process.id) \(process.process.startTicks)"
  }
}

extension UInt64 {
  /// The difference, 0 where it would be negative.
  fileprivate func subtractingDownToZero(_ other: UInt64) -> UInt64 {
    self - Swift.min(self, other)
  }
}
