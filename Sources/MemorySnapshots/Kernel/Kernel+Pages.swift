internal import CUserfault
internal import Glibc
internal import SystemPackage

// What the kernel knows of single pages: whether they are protected, in memory, in the file.

extension Kernel {
  /// The bit of a pagemap entry that says that the page is write-protected.
  static var writeProtectedBit: UInt64 { 1 << 57 }

  /// The bit that says that the page is a guard page (MADV_GUARD_INSTALL): nobody can access it. Linux
  /// 6.15; clear before.
  static var guardBit: UInt64 { 1 << 58 }

  /// Reads the pagemap entries of the pages from `address` on (/proc/thread-self/pagemap).
  static func readPagemap(
    _ address: UInt, _ entries: FixedArray<UInt64>, count wanted: Int
  ) throws(Errno) {
    assert(wanted <= entries.count)
    let count = unsafe try check(
      ask(
        .readPagemap,
        Int(
          cuserfault_read_pagemap(UInt64(address) / UInt64(pageSize), entries.start, wanted))))
    guard count == wanted else { throw Errno.ioError }
  }

  /// How many pages from `address` on, of `count`, are write-protected as far as the pagemap says; below
  /// zero: a negated errno.
  @_noLocks
  static func protectedPages(_ address: UInt, _ count: Int, pageSize: Int) -> Int {
    askInFaultPath(
      .readPagemap,
      Int(cuserfault_first_unprotected(UInt64(address) / UInt64(pageSize), count)))
  }

  /// madvise(2) with MADV_POPULATE_WRITE (Linux 5.14; true before): false if a write to the page ends in
  /// SIGBUS for want of a page in its file, or of memory for one.
  @_noLocks
  static func canWrite(to page: UInt, _ pageSize: Int) -> Bool {
    let status = askInFaultPath(
      .madvisePopulate, cuserfault_populate_write(UInt64(page), UInt64(pageSize)))
    return status != -EFAULT && status != -EHWPOISON
  }

  /// madvise(2) with MADV_POPULATE_READ (Linux 5.14; true before): false if a load from the page ends in
  /// SIGBUS, because its file was truncated say.
  @_noLocks
  static func canRead(_ page: UInt, _ pageSize: Int) -> Bool {
    let status = askInFaultPath(
      .madvisePopulate, cuserfault_populate_read(UInt64(page), UInt64(pageSize)))
    return status != -EFAULT && status != -EHWPOISON
  }

  /// process_vm_readv(2) of our own memory: how many pages, from the first on, could be copied. What
  /// cannot be read is an answer here, where a load would end the process. None where the call is
  /// refused.
  @_noLocks
  static func copyIfReadable(
    from source: UInt, to destination: UInt, pageCount: Int, pageSize: Int
  ) -> Int {
    let copied = askInFaultPath(
      .readMemory,
      Int(
        cuserfault_copy_if_readable(UInt64(destination), UInt64(source), pageCount * pageSize)))
    return max(copied, 0) / pageSize
  }

  /// mincore(2): whether each page is in memory, so that none is a hole of a memory file.
  static func isResident(_ address: UInt, _ byteCount: Int) -> Bool {
    guard let start = unsafe UnsafeRawPointer(bitPattern: address) else { return false }
    return unsafe ask(
      .mincore, cuserfault_is_resident(start, byteCount / pageSize, pageSize) ? 1 : 0) == 1
  }

  /// lseek(2) SEEK_DATA: the first byte at or after `offset` that is not in a hole; `nil` if the hole
  /// reaches to the end.
  static func nextData(_ file: Int32, from offset: Int) throws(Errno) -> Int? {
    let position = ask(.lseek, Int(cuserfault_next_data(file, UInt64(offset))))
    if position == -Int(ENXIO) { return nil }
    return try check(position)
  }

  /// pread(2) of the whole range: holes of a memory file read as zeros and stay holes.
  static func read(_ file: Int32, at offset: Int, to destination: UInt, count: Int) throws(Errno) {
    var done = 0
    while done < count {
      let target = unsafe UnsafeMutableRawPointer(bitPattern: destination + UInt(done))
      let part = unsafe ask(.pread, answer(pread(file, target, count - done, offset + done)))
      if part == -Int(EINTR) { continue }
      guard part != 0 else { throw Errno.ioError }
      done += try check(part)
    }
  }

  /// fcntl(2) F_DUPFD_CLOEXEC.
  static func duplicate(_ descriptor: Int32) throws(Errno) -> Int32 {
    try check(ask(.fcntl, answer(fcntl(descriptor, F_DUPFD_CLOEXEC, 0))))
  }
}

// Memory that the application may have locked (mlock(2), mlockall(2)).

extension Kernel {
  /// Gives private pages back, locked ones too: they read as zeros afterwards. False if they stay.
  static func giveBack(_ address: UInt, _ byteCount: Int) -> Bool {
    // EINVAL: locked memory.
    if (try? advise(address, byteCount, MADV_DONTNEED)) != nil { return true }
    return (try? advise(address, byteCount, doNotNeedLocked)) != nil
  }

  /// mlock2(2) with MLOCK_ONFAULT. Not permitted beyond RLIMIT_MEMLOCK.
  static func lockOnFault(_ address: UInt, _ byteCount: Int) {
    _ = ask(.mlock, cuserfault_lock_on_fault(UInt64(address), UInt64(byteCount)))
  }

  /// mprotect(2): makes reserved memory readable and writable.
  static func makeAccessible(_ address: UInt, _ byteCount: Int) throws(Errno) {
    let start = unsafe UnsafeMutableRawPointer(bitPattern: address)
    _ = unsafe try check(
      ask(.mprotect, answer(mprotect(start, byteCount, PROT_READ | PROT_WRITE))))
  }
}

// Samepage merging (KSM).

extension Kernel {
  static let hasMerging = cuserfault_has_merging()
  /// MADV_MERGEABLE and MADV_UNMERGEABLE.
  static var merge: Int32 { MADV_MERGEABLE }
  static var doNotMerge: Int32 { MADV_UNMERGEABLE }

  /// Whether the process lets all its private memory be merged (PR_GET_MEMORY_MERGE).
  @_noLocks
  static func mergesEverything() -> Bool { cuserfault_merges_everything() }

  /// Whether any memory of the process may be merged.
  @_noLocks
  static func mayMerge() -> Bool { cuserfault_may_merge() }
}
