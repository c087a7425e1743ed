internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What was copied in one mapping between two scans, and who wrote, where that is certain.
struct CopiedPages: Equatable {
  let start: UInt64
  let name: String
  let bytes: UInt64
  /// The process that wrote; `nil` if it cannot be known.
  let writer: Int32?
}

/// Finds what was copied between two scans of the same processes.
///
/// Shared pages of a process that are private now have parted: somebody wrote. If two shared a page,
/// both have one of their own then, and the scans do not say whose is the copy. A writer is named only
/// if it must have written:
/// - A page of a file, or a zero page, became private: nobody but its process can do that.
/// - The parent shares as much as before and has as much of its own: a page that it shares is not
///   parted from by being left alone, so a child that has parted from more pages than the parent can
///   have been without did write.
/// - More pages parted than all the others took page faults: no write to a shared page goes without
///   one. This needs the family to have as many more different pages, because pages part as well when
///   somebody who is not among those that are read writes, or ends.
struct CopySearch {
  private let before: ProcessScan
  private let after: ProcessScan
  private let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))

  init(from before: ProcessScan, to after: ProcessScan) {
    self.before = before
    self.after = after
  }

  /// One process's part in a mapping.
  private struct Part {
    let process: ProcessMemory
    /// What the process had before.
    let earlier: ProcessMemory
    let old: MappingMemory
    let new: MappingMemory

    func growth(_ figure: (MemoryBreakdown) -> MemoryFigure) -> Int64 {
      Int64(clamping: figure(new.memory).bytes ?? 0)
        - Int64(clamping: figure(old.memory).bytes ?? 0)
    }

    var isUnchanged: Bool {
      growth { $0.private } == 0 && growth { $0.sharedAnonymous } == 0
        && growth { $0.resident } == 0 && growth { $0.swapped } == 0
    }

    /// What became private that was a file's or a zero page before.
    var taken: Int64 {
      let untouched = -growth { $0.unwrittenFile } - growth { $0.zero }
      return max(min(growth { $0.private }, untouched), 0)
    }

    /// What became private that was shared before.
    var parted: Int64 {
      max(min(growth { $0.private } - taken, -growth { $0.sharedAnonymous }), 0)
    }
  }

  /// What was copied, most first.
  var found: [CopiedPages] {
    var certain: [CopiedPages] = []
    var doubtful: [(copied: CopiedPages, writer: Int32?)] = []
    let isClosed = hasSameProcesses
    for (start, parts) in parts {
      let copied = { (part: Part, bytes: Int64, isCertain: Bool) in
        CopiedPages(
          start: start, name: part.new.name, bytes: UInt64(bytes),
          writer: isCertain ? part.process.id : nil)
      }
      for part in parts where part.taken > 0 { certain.append(copied(part, part.taken, true)) }
      var rest: [Part] = []
      for part in parts where part.parted > 0 {
        if isClosed, mustHaveWritten(part, parts) {
          certain.append(copied(part, part.parted, true))
        } else {
          rest.append(part)
        }
      }
      guard let most = rest.max(by: { $0.parted < $1.parted }) else { continue }
      let writer = isClosed ? rest.first { mustHaveFaulted($0, most.parted, parts) } : nil
      doubtful.append((copied(writer ?? most, most.parted, false), writer?.process.id))
    }
    let total = (certain + doubtful.map(\.copied)).reduce(0) { $0 + $1.bytes }
    let isConfirmed = hasGrown(by: total)
    let rest = doubtful.map { copied, writer in
      CopiedPages(
        start: copied.start, name: copied.name, bytes: copied.bytes,
        writer: isConfirmed ? writer : nil)
    }
    return (certain + rest).sorted { left, right in
      (right.bytes, left.start, left.writer ?? 0) < (left.bytes, right.start, right.writer ?? 0)
    }
  }

  /// The mappings that are there in both scans, with the processes that have them.
  private var parts: [UInt64: [Part]] {
    var parts: [UInt64: [Part]] = [:]
    let earlier = Dictionary(
      before.tree.processes.map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
    for process in after.tree.processes where process.sharesMemoryWith == nil {
      guard let old = earlier[key(process)] else { continue }
      let mappings = Dictionary(
        old.mappings.map { ($0.addresses.lowerBound, $0) }, uniquingKeysWith: { first, _ in first })
      for mapping in process.mappings {
        let start = mapping.addresses.lowerBound
        guard let before = mappings[start], before.name == mapping.name else { continue }
        parts[start, default: []].append(
          Part(process: process, earlier: old, old: before, new: mapping))
      }
    }
    return parts
  }

  private func key(_ process: ProcessMemory) -> String {
    "\(process.id) \(process.process.startTicks)"
  }

  /// Whether the processes are the same in both scans.
  private var hasSameProcesses: Bool {
    let present = { (scan: ProcessScan) in
      Set(scan.tree.processes.filter { $0.condition == .read }.map(key))
    }
    return present(before) == present(after)
  }

  /// Whether a child has parted from more than the parent can have been without.
  private func mustHaveWritten(_ part: Part, _ parts: [Part]) -> Bool {
    guard part.process.diverged != nil,
      let parent = parts.first(where: { $0.process.id == part.process.process.parent }),
      parent.isUnchanged, let own = parent.old.memory.private.bytes,
      let resident = parent.old.memory.resident.bytes, let fresh = part.earlier.fresh?.bytes
    else { return false }
    let size = UInt64(parent.old.addresses.count)
    let absent = min(size - min(size, resident), fresh)
    return UInt64(part.parted) > own + absent
  }

  /// Whether more pages parted than all the others took faults.
  private func mustHaveFaulted(_ part: Part, _ bytes: Int64, _ parts: [Part]) -> Bool {
    var faults: UInt64 = 0
    for other in parts where other.process.id != part.process.id {
      let pid = other.process.id
      guard let first = before.faultsBefore[pid], let last = after.faultsAfter[pid] else {
        return false
      }
      faults += last - min(last, first)
    }
    return UInt64(bytes) / pageSize > faults
  }

  /// Whether the processes have at least so many more different pages.
  private func hasGrown(by bytes: UInt64) -> Bool {
    let figures = [before.tree.total.copiesMade, after.tree.total.copiesMade]
    return figures.allSatisfy { $0.exactness == .exact }
      && figures[1].bytes ?? 0 >= (figures[0].bytes ?? 0) + bytes
  }
}
