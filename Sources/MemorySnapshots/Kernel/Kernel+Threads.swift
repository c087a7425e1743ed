internal import CUserfault
internal import SystemPackage

// MARK: - Threads, signals and waiting

extension Kernel {
  /// Starts a named thread that takes no signal.
  static func startThread(
    named name: String, _ body: @convention(c) (UnsafeMutableRawPointer) -> Void,
    _ argument: UnsafeMutableRawPointer
  ) throws(Errno) -> UInt64 {
    try ForcedFailure.check()
    var thread: UInt64 = 0
    _ = unsafe try check(cuserfault_start_thread(&thread, name, 256 << 10, body, argument))
    return thread
  }

  /// gettid(2).
  @_noLocks
  static func threadNumber() -> UInt32 { cuserfault_thread_id() }

  /// kcmp(2), KCMP_FILES: whether a thread of this process has the same descriptors as the caller. True
  /// where the kernel does not tell.
  static func sharesDescriptors(withThread number: UInt32) -> Bool {
    cuserfault_compare_descriptors(number) <= 0
  }

  static func joinThread(_ thread: UInt64) {
    cuserfault_join_thread(thread)
  }

  typealias SignalMask = cuserfault_signal_mask

  /// Blocks the signals whose handlers are the application's. Such a handler may write to a region:
  /// run in the middle of a page claim or a closed gate, it would wait for itself.
  @_noLocks
  static func blockSignals() -> SignalMask {
    var saved = cuserfault_signal_mask()
    unsafe cuserfault_block_signals(&saved)
    return saved
  }

  @_noLocks
  static func restoreSignals(_ saved: SignalMask) {
    var saved = saved
    unsafe cuserfault_restore_signals(&saved)
  }

  @_noLocks
  static func nanoseconds() -> UInt64 { cuserfault_nanoseconds() }

  @_noLocks
  static func yield() { cuserfault_yield() }

  @_noLocks
  static func futexWait(_ word: UnsafeMutableRawPointer, _ expected: UInt32, _ nanoseconds: Int64) {
    _ = unsafe cuserfault_futex_wait(word, expected, nanoseconds)
  }

  @_noLocks
  static func futexWake(_ word: UnsafeMutableRawPointer) { unsafe cuserfault_futex_wake(word) }
}

// MARK: - Events

extension Kernel {
  /// epoll_wait(2): the tags of up to `capacity` ready descriptors.
  @_noLocks
  static func epollWait(
    _ epoll: Int32, _ tags: UnsafeMutablePointer<UInt64>, _ capacity: Int, blocks: Bool
  ) -> Int32 {
    unsafe cuserfault_epoll_wait(epoll, tags, Int32(capacity), blocks)
  }

  @_noLocks
  static func drainEvent(_ descriptor: Int32) { cuserfault_drain_event(descriptor) }

  static func createEpoll() throws(Errno) -> Int32 {
    try ForcedFailure.check()
    return try check(cuserfault_create_epoll())
  }

  static func createEvent() throws(Errno) -> Int32 {
    try ForcedFailure.check()
    return try check(cuserfault_create_event())
  }

  static func signalEvent(_ descriptor: Int32) { cuserfault_signal_event(descriptor) }

  static func epollAdd(_ epoll: Int32, _ descriptor: Int32, tag: UInt64) throws(Errno) {
    try ForcedFailure.check()
    _ = try check(cuserfault_epoll_add(epoll, descriptor, tag))
  }

  /// Whether both numbers still stand for the files that were added to each other.
  @_noLocks
  static func epollHolds(_ epoll: Int32, _ descriptor: Int32, tag: UInt64) -> Bool {
    cuserfault_epoll_holds(epoll, descriptor, tag) == 0
  }

  static func epollRemove(_ epoll: Int32, _ descriptor: Int32) {
    _ = cuserfault_epoll_remove(epoll, descriptor)
  }
}
