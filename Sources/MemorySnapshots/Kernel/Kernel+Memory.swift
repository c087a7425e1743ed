internal import CUserfault
internal import Glibc
internal import SystemPackage

// Mapping memory, and advice about it.

extension Kernel {
  /// mmap(2), anonymous and private, not inherited by fork(2).
  static func mapAnonymous(_ byteCount: Int) throws(Errno) -> UInt {
    try map(byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1)
  }

  /// mmap(2) of a memory file, shared, not inherited by fork(2).
  static func mapFile(_ file: Int32, _ byteCount: Int) throws(Errno) -> UInt {
    try map(byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file)
  }

  /// mmap(2) of private address space without access, of a file if one is given, not inherited by
  /// fork(2): under mlockall(MCL_FUTURE), other new mappings are populated.
  static func reserve(_ byteCount: Int, file: Int32 = -1) throws(Errno) -> UInt {
    let kind = file < 0 ? MAP_ANONYMOUS : 0
    return try map(byteCount, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE | kind, file)
  }

  private static func map(
    _ byteCount: Int, _ protection: Int32, _ flags: Int32, _ file: Int32
  ) throws(Errno) -> UInt {
    Leftovers.shared.retry()
    // MAP_FAILED is -1, and addresses are positive.
    let mapped = unsafe try check(
      ask(.mmap, answer(Int(bitPattern: mmap(nil, byteCount, protection, flags, file, 0)))))
    let address = UInt(mapped)
    do {
      try advise(address, byteCount, MADV_DONTFORK)
    } catch {
      unmap(address, byteCount)
      throw error
    }
    return address
  }

  /// munmap(2) of memory that nobody uses any more. Where the kernel refuses, at `vm.max_map_count`
  /// say, its pages are given back, and it is tried again later.
  static func unmap(_ address: UInt, _ byteCount: Int) {
    Leftovers.shared.retry()
    if tryToUnmap(address, byteCount) { return }
    emptyLeftover(address, byteCount)
    Leftovers.shared.add(address..<address + UInt(byteCount))
  }

  static func tryToUnmap(_ address: UInt, _ byteCount: Int) -> Bool {
    unsafe ask(.munmap, answer(munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount)))
      == 0
  }

  /// Gives back the pages of memory of ours, whatever is mapped there, and locked or not.
  private static func emptyLeftover(_ address: UInt, _ byteCount: Int) {
    // MADV_REMOVE is for shared memory alone; MADV_DONTNEED_LOCKED came with Linux 5.18.
    for advice in [MADV_REMOVE, MADV_DONTNEED, doNotNeedLocked] {
      do throws(Errno) { return try advise(address, byteCount, advice) } catch {}
    }
  }

  /// madvise(2).
  static func advise(_ address: UInt, _ byteCount: Int, _ advice: Int32) throws(Errno) {
    let start = unsafe UnsafeMutableRawPointer(bitPattern: address)
    _ = unsafe try check(ask(kind(of: advice), answer(madvise(start, byteCount, advice))))
  }

  private static func kind(of advice: Int32) -> SystemCall {
    switch advice {
    case MADV_DONTFORK, MADV_DOFORK, wipeOnFork: .madviseFork
    case populateRead, populateWrite: .madvisePopulate
    case MADV_DONTNEED, MADV_REMOVE, doNotNeedLocked: .madviseDiscard
    default: .madvise
    }
  }

  static var doNotFork: Int32 { MADV_DONTFORK }
  static var doFork: Int32 { MADV_DOFORK }
  /// MADV_WIPEONFORK (Linux 4.14).
  static var wipeOnFork: Int32 { 18 }
  /// MADV_DONTNEED_LOCKED (Linux 5.18).
  static var doNotNeedLocked: Int32 { 24 }
  /// MADV_POPULATE_READ and MADV_POPULATE_WRITE (Linux 5.14).
  static var populateRead: Int32 { 22 }
  static var populateWrite: Int32 { 23 }

  /// Maps every page of the range, without writing to it.
  static func populateForReading(_ address: UInt, _ byteCount: Int) throws(Errno) {
    do {
      try advise(address, byteCount, populateRead)
    } catch Errno.invalidArgument {
      // Linux before 5.14: a load from each page does the same.
      for page in stride(from: address, to: address + UInt(byteCount), by: pageSize) {
        _ = isZero(page, count: 16)
      }
    }
  }

  /// memfd_create(2), sealed at its size, close-on-exec.
  static func createMemoryFile(_ byteCount: Int) throws(Errno) -> Int32 {
    unsafe try check(
      ask(
        .createMemoryFile, cuserfault_create_memory_file("memory-snapshots", UInt64(byteCount))))
  }

  /// fallocate(2) with FALLOC_FL_PUNCH_HOLE.
  static func punchHole(_ file: Int32, _ range: Range<Int>) throws(Errno) {
    let start = UInt64(range.lowerBound)
    var status: Int32
    repeat {
      status = ask(.fallocate, cuserfault_punch_hole(file, start, UInt64(range.count)))
    } while status == -EINTR
    _ = try check(status)
  }
}
