import Glibc
import MemorySnapshots

// Memory of the application's own that cannot be read in parts, beside others that are used.

/// How a part of a mapping becomes unreadable.
private enum Way: CaseIterable {
  /// A guard region (MADV_GUARD_INSTALL, Linux 6.13), for good.
  case guarded
  /// mprotect(2), while the rest is used.
  case forbidden
}

private let pageCount = 256
private let firstUnreadable = 128
private let unreadableCount = 32

private func map(_ backing: MemoryRegion.Backing) -> UnsafeMutableRawBufferPointer {
  let sharing = backing == .sharedMemory ? MAP_SHARED : MAP_PRIVATE
  let memory = unsafe mmap(
    nil, pageCount * pageSize, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0)
  return unsafe UnsafeMutableRawBufferPointer(start: memory, count: pageCount * pageSize)
}

/// What is preserved, copied or brought into a view on a guess, beside a writer or a reader of other
/// pages, is given up where it cannot be read, and preserved as ever afterwards.
func guessUnreadable() throws {
  for backing in MemoryRegion.Backing.allCases {
    for way in Way.allCases { try guessUnreadable(way, backing) }
  }
}

private func guessUnreadable(_ way: Way, _ backing: MemoryRegion.Backing) throws {
  let memory = unsafe map(backing)
  let region = try unsafe MemoryRegion(
    adopting: memory, options: MemoryRegion.Options(faultDelivery: delivery))
  let part = unsafe region.baseAddress + firstUnreadable * pageSize
  let partBytes = unreadableCount * pageSize
  for page in 0..<pageCount { store(0, page) }
  if way == .guarded {
    // EINVAL: a kernel that has none. Before Linux 6.15, the pages look as if they could be written to.
    guard unsafe madvise(part, partBytes, 102) == 0, unsafe isKnownAsGuard(part) else { return }
  }
  func store(_ value: Int, _ page: Int) {
    unsafe memory.storeBytes(of: value, toByteOffset: page * pageSize, as: Int.self)
  }
  func forbid(_ protection: Int32) {
    if way == .forbidden { check(unsafe mprotect(part, partBytes, protection) == 0, "mprotect") }
  }
  for round in 1...12 {
    // The keeper copies hot pages: before they become unreadable, or after.
    if round.isMultiple(of: 3) { forbid(PROT_NONE) }
    let snapshot = try region.makeSnapshot()
    forbid(PROT_NONE)
    for page in 0..<firstUnreadable { store(round, page) }
    let view = try snapshot.makeView()
    for page in 0..<firstUnreadable {
      let seen = unsafe view.withUnsafeBytes {
        unsafe $0.load(fromByteOffset: page * pageSize, as: Int.self)
      }
      check(seen == round - 1, "page \(page) of the view is \(seen) in round \(round)")
    }
    forbid(PROT_READ | PROT_WRITE)
    if way == .forbidden {
      for page in firstUnreadable..<pageCount { store(round, page) }
    }
    let readable = way == .guarded ? firstUnreadable : pageCount
    for page in 0..<readable {
      var word = 0
      try unsafe withUnsafeMutableBytes(of: &word) {
        try unsafe snapshot.copyBytes(in: page * pageSize..<page * pageSize + 8, into: $0)
      }
      check(word == round - 1, "page \(page) of the snapshot is \(word) in round \(round)")
    }
  }
  check(region.statistics.pagesCopied.ahead > 0, "nothing was preserved ahead")
}

private func isKnownAsGuard(_ page: UnsafeMutableRawPointer) -> Bool {
  let file = unsafe open("/proc/self/pagemap", O_RDONLY)
  defer { close(file) }
  var entry: UInt64 = 0
  let offset = Int(bitPattern: page) / pageSize * 8
  return unsafe pread(file, &entry, 8, offset) == 8 && entry & 1 << 58 != 0
}
