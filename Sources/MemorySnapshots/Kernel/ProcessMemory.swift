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
    static var allowance: Int { 40 }
    static var inlineLock: Int { 64 }
    static var inlineList: Int {
      @_noLocks get { 128 }
    }
    static var inlineWaiters: Int {
      @_noLocks get { 192 }
    }
    static var inlineReaders: Int {
      @_noLocks get { 256 }
    }
    static var inlineEntries: Int {
      @_noLocks get { 4096 }
    }
  }

  /// The memory, if it was mapped before, in the process or in its parents.
  static var known: ProcessMemory? {
    unsafe cuserfault_find_process_memory().map { unsafe ProcessMemory(start: $0) }
  }

  /// Maps the memory if need be.
  static func get() throws(Errno) -> ProcessMemory {
    if let known { return known }
    let byteCount =
      Offset.inlineEntries + InlineFaults.capacity * MemoryLayout<InlineFaults.Entry>.stride
    return unsafe ProcessMemory(start: try Kernel.makeProcessMemory(byteCount))
  }

  @_noLocks
  init(start: UnsafeMutableRawPointer) { unsafe self.start = start }

  /// For a C function that hands it back to a signal handler.
  var context: UnsafeMutableRawPointer { unsafe start }

  @_noLocks
  private func word<Word: ~Copyable>(_ offset: Int) -> UnsafeMutablePointer<Word> {
    unsafe (start + offset).assumingMemoryBound(to: Word.self)
  }

  // MARK: - What lies there

  var handlerLock: FutexMutex { unsafe FutexMutex(Futex(at: word(Offset.handlerLock))) }

  /// The address of a retained object, 0 for none. Under `handlerLock`.
  var faultHandlers: UnsafeMutablePointer<Atomic<UInt>> { unsafe word(Offset.faultHandlers) }

  /// What the kernel offers, 0 if it was not asked yet.
  var kernelFeatures: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(Offset.kernelFeatures) }

  var allowanceLock: FutexMutex { unsafe FutexMutex(Futex(at: word(Offset.allowanceLock))) }

  /// Under `allowanceLock`.
  var allowance: UnsafeMutablePointer<MemoryAllowance> { unsafe word(Offset.allowance) }

  var inlineLock: FutexMutex { unsafe FutexMutex(Futex(at: word(Offset.inlineLock))) }

  var inlineList: UnsafeMutablePointer<InlineFaults.Header> {
    @_noLocks get { unsafe word(Offset.inlineList) }
  }

  var inlineEntries: UnsafeMutablePointer<InlineFaults.Entry> {
    @_noLocks get { unsafe word(Offset.inlineEntries) }
  }

  var inlineReaders: UnsafeMutablePointer<InlineReaders.Words> {
    @_noLocks get { unsafe word(Offset.inlineReaders) }
  }

  var inlineWaiters: BriefWaiters {
    @_noLocks get {
      unsafe BriefWaiters(
        changes: Futex(at: word(Offset.inlineWaiters)),
        sleepers: Futex(at: word(Offset.inlineWaiters + 4)))
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
