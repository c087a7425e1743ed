internal import CUserfault
internal import Synchronization
internal import SystemPackage

/// What the library knows of the process as a whole, and the locks that guard it: in memory that is all
/// zeros in the child of a fork, so zeros mean free locks, no handler and an empty list. A child thus
/// starts clean, whatever other threads of its parent were changing at that moment. For the same
/// reason nothing here lies in a Swift global, whose first use takes a lock of the runtime's.
///
/// Safe to share: all words are atomic, and the memory is never unmapped.
@safe
struct ProcessMemory: @unchecked Sendable {
  private let start: UnsafeMutableRawPointer

  /// The words, apart from each other by cache lines where different threads write to them.
  private enum Offset {
    static var handlerLock: Int { 0 }
    static var faultHandlers: Int { 8 }
    static var kernelFeatures: Int { 16 }
    static var allowanceLock: Int { 32 }
    static var inlineLock: Int { 64 }
    static var inlineWaiters: Int {
      @_noLocks get { 192 }
    }
  }

  /// Under `allowanceLock`, a `MemoryAllowance`.
  static var allowance: Int { 40 }

  /// Two more cache lines, and what follows the first page, are those of the ranges whose faults are
  /// resolved inline (`InlineFaults`).
  static var inlineList: Int {
    @_noLocks get { 128 }
  }
  static var inlineReaders: Int {
    @_noLocks get { 256 }
  }
  static var inlineEntries: Int {
    @_noLocks get { 4096 }
  }
  private static var byteCount: Int {
    @_noLocks get { inlineEntries + (1536 << 10) }
  }

  /// How many elements fit behind `inlineEntries`.
  @_noLocks
  static func entryCapacity(stride: Int) -> Int { (byteCount - inlineEntries) / stride }

  /// The memory, if it was mapped before, in the process or in its parents.
  static var known: ProcessMemory? {
    unsafe cuserfault_find_process_memory().map { unsafe ProcessMemory(start: $0) }
  }

  /// Maps the memory if need be.
  static func get() throws(Errno) -> ProcessMemory {
    if let known { return known }
    return unsafe ProcessMemory(start: try Kernel.makeProcessMemory(byteCount))
  }

  @_noLocks
  init(start: UnsafeMutableRawPointer) { unsafe self.start = start }

  /// For a C function that hands it back to a signal handler.
  var context: UnsafeMutableRawPointer { unsafe start }

  /// What lies at an offset: zeros at first.
  @_noLocks
  func pointer(_ offset: Int) -> UnsafeMutableRawPointer { unsafe start + offset }

  @_noLocks
  private func futex(_ offset: Int) -> Futex {
    unsafe Futex(at: pointer(offset).assumingMemoryBound(to: Futex.Bits.self))
  }

  // MARK: - What lies there

  var handlerLock: FutexMutex { FutexMutex(futex(Offset.handlerLock)) }

  /// The address of a retained object, 0 for none. Under `handlerLock`.
  var faultHandlers: Reference<Word> {
    unsafe Reference(at: pointer(Offset.faultHandlers).assumingMemoryBound(to: Word.self))
  }

  /// What the kernel offers, 0 if it was not asked yet.
  var kernelFeatures: Reference<Word> {
    unsafe Reference(at: pointer(Offset.kernelFeatures).assumingMemoryBound(to: Word.self))
  }

  var allowanceLock: FutexMutex { FutexMutex(futex(Offset.allowanceLock)) }

  var inlineLock: FutexMutex { FutexMutex(futex(Offset.inlineLock)) }

  /// How often a wait is over, and how many threads sleep: see `BriefWaiters`.
  var inlineWaiters: (changes: Futex, sleepers: Futex) {
    @_noLocks get {
      (futex(Offset.inlineWaiters), futex(Offset.inlineWaiters + 4))
    }
  }
}

extension Kernel {
  /// mmap(2) and madvise(2) with MADV_WIPEONFORK.
  fileprivate static func makeProcessMemory(
    _ byteCount: Int
  ) throws(Errno) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    _ = unsafe try check(ask(.mmap, cuserfault_make_process_memory(byteCount, &memory)))
    // Set on success.
    return unsafe memory.unsafelyUnwrapped
  }
}
