internal import CUserfault
internal import Glibc
internal import SystemPackage

/// The one place that calls C. Functions marked `@_noLocks` neither allocate nor lock, checked by
/// the compiler; they return a negated errno as the kernel does, because throwing would allocate.
/// The others throw `Errno`.
enum Kernel {
  static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
  static let physicalPages = Int(sysconf(Int32(_SC_PHYS_PAGES)))

  /// A C function's value, or the errno that it returned negated.
  static func check(_ status: Int32) throws(Errno) -> Int32 {
    guard status >= 0 else { throw Errno(rawValue: -status) }
    return status
  }

  static func check(_ status: Int) throws(Errno) -> Int {
    guard status >= 0 else { throw Errno(rawValue: Int32(-status)) }
    return status
  }

  /// Asks the kernel. Every system call that can fail passes here, or `askInFaultPath`, named, so that
  /// a test can have it fail (`ForcedFailure`, debug builds); none is made anywhere else.
  ///
  /// - Parameter answer: The call's value, or its errno negated.
  @_transparent
  static func ask(_ call: SystemCall, _ answer: @autoclosure () -> Int) -> Int {
    #if DEBUG
      let refusal = ForcedFailure.refusal(of: call)
      if refusal != 0 { return -Int(refusal) }
    #endif
    return answer()
  }

  @_transparent
  static func ask(_ call: SystemCall, _ answer: @autoclosure () -> Int32) -> Int32 {
    #if DEBUG
      let refusal = ForcedFailure.refusal(of: call)
      if refusal != 0 { return -refusal }
    #endif
    return answer()
  }

  /// The same where nothing may allocate or lock: the compiler checks `answer`, too.
  @_noLocks @_transparent
  static func askInFaultPath(_ call: SystemCall, _ answer: @autoclosure () -> Int) -> Int {
    #if DEBUG
      let refusal = ForcedFailure.refusal(of: call)
      if refusal != 0 { return -Int(refusal) }
    #endif
    return answer()
  }

  @_noLocks @_transparent
  static func askInFaultPath(_ call: SystemCall, _ answer: @autoclosure () -> Int32) -> Int32 {
    #if DEBUG
      let refusal = ForcedFailure.refusal(of: call)
      if refusal != 0 { return -refusal }
    #endif
    return answer()
  }

  /// What a function of the C library that stores its error has answered.
  static func answer(_ value: Int) -> Int { value < 0 ? -Int(errno) : value }
  static func answer(_ value: Int32) -> Int32 { value < 0 ? -errno : value }
}

// MARK: - Memory

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

  static func close(_ descriptor: Int32) {
    _ = Glibc.close(descriptor)
  }

  /// fstat(2): the device and the inode, which tell an open file from others; zeros if the number
  /// is not open.
  @_noLocks
  static func fileIdentity(_ descriptor: Int32) -> FileIdentity {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    // A number that is open can always be asked about; one that could not would stay open for ever.
    for _ in 0..<attempts {
      let status = unsafe askInFaultPath(
        .fstat, cuserfault_file_identity(descriptor, &device, &inode))
      if status == 0 { return FileIdentity(device: device, inode: inode) }
      if status == -EBADF { break }
    }
    return FileIdentity(device: 0, inode: 0)
  }

  /// How often what must not fail is tried again.
  static var attempts: Int {
    @_noLocks get { 1000 }
  }

  struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64

    @_noLocks
    init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }

    @_noLocks
    static func == (one: FileIdentity, other: FileIdentity) -> Bool {
      one.device == other.device && one.inode == other.inode
    }
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

  @_noLocks
  static func copyBytes(from source: UInt, to destination: UInt, count: Int) {
    guard let from = unsafe UnsafeRawPointer(bitPattern: source),
      let to = unsafe UnsafeMutableRawPointer(bitPattern: destination)
    else { return }
    unsafe cuserfault_copy_bytes(to, from, count)
  }

  /// Copies past the cache, and fetches as many bytes from `next`, the next to be copied. In the end
  /// comes `finishCopiesPastCache`.
  @_noLocks
  static func copyPastCache(
    from source: UInt, to destination: UInt, next: UInt, count: Int
  ) {
    guard let from = unsafe UnsafeRawPointer(bitPattern: source),
      let to = unsafe UnsafeMutableRawPointer(bitPattern: destination),
      let next = unsafe UnsafeRawPointer(bitPattern: next)
    else { return }
    unsafe cuserfault_copy_past_cache(to, from, next, count)
  }

  /// Orders copies past the cache before whatever publishes them.
  @_noLocks
  static func finishCopiesPastCache() { cuserfault_finish_copies() }

  @_noLocks
  static func prefetch(_ address: UInt) {
    guard let line = unsafe UnsafeRawPointer(bitPattern: address) else { return }
    unsafe cuserfault_prefetch(line)
  }

  @_noLocks
  static func zeroBytes(_ address: UInt, count: Int) {
    guard let bytes = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    unsafe cuserfault_zero_bytes(bytes, count)
  }

  @_noLocks
  static func isZero(_ address: UInt, count: Int) -> Bool {
    guard let bytes = unsafe UnsafeRawPointer(bitPattern: address) else { return false }
    return unsafe cuserfault_is_zero(bytes, count)
  }

  static func isEqual(_ one: UInt, _ other: UInt, count: Int) -> Bool {
    guard let one = unsafe UnsafeRawPointer(bitPattern: one),
      let other = unsafe UnsafeRawPointer(bitPattern: other)
    else { return false }
    return unsafe memcmp(one, other, count) == 0
  }

  @_noLocks
  static func touch(_ address: UInt) {
    guard let page = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    unsafe cuserfault_touch(page)
  }
}
