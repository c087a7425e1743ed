/// The kinds of system call that the library makes. Each is made through `Kernel.ask`, which names
/// it, so that a test can have it fail; `SystemCallHookTests` looks for calls that are not.
package enum SystemCall: UInt8, CaseIterable, Sendable {
  // Memory.
  case mmap
  case munmap
  case mprotect
  case mincore
  case mlock
  /// pread(2) of /proc/thread-self/pagemap.
  case readPagemap
  /// madvise(2) about fork(2).
  case madviseFork
  /// madvise(2) with MADV_POPULATE_READ or MADV_POPULATE_WRITE.
  case madvisePopulate
  /// madvise(2) with advice that makes pages go: MADV_DONTNEED, MADV_REMOVE.
  case madviseDiscard
  /// madvise(2) with any other advice.
  case madvise
  /// process_vm_readv(2) of the process's own memory.
  case readMemory
  // Files.
  case createMemoryFile
  case fstat
  case fcntl
  case fallocate
  case lseek
  case pread
  case pwrite
  case write
  case poll
  case ftruncate
  /// open(2) and read(2), of the control groups' files.
  case readFile
  case open
  case read
  // userfaultfd(2).
  case openUserfault
  case handshake
  case register
  case unregister
  case writeProtect
  case writeUnprotect
  case wake
  case copyIn
  case readMessages
  // Events and threads.
  case createEpoll
  case createEvent
  case epollAdd
  case epollModify
  case epollRemove
  case epollWait
  case readEvent
  case writeEvent
  case startThread
  /// kcmp(2).
  case compareDescriptors
  case futexWait
  case signalAction

  /// Its bit in a set of kinds.
  var bit: UInt64 {
    @_noLocks get { 1 << UInt64(rawValue) }
  }
}
