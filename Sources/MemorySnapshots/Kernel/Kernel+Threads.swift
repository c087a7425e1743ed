internal import CUserfault
internal import Glibc
internal import SystemPackage

// MARK: - Threads, signals and waiting

extension Kernel {
  /// Starts a named thread that takes no signal but SIGPROF, with attributes of its own: ordinary policy,
  /// the processors that any thread of the process may use, the least niceness among them.
  static func startThread(
    named name: String, _ body: @convention(c) (UnsafeMutableRawPointer) -> Void,
    _ argument: UnsafeMutableRawPointer
  ) throws(Errno) -> UInt64 {
    var thread: UInt64 = 0
    _ = unsafe try check(
      ask(.startThread, cuserfault_start_thread(&thread, name, 256 << 10, body, argument)))
    return thread
  }

  /// gettid(2).
  @_noLocks
  static func threadNumber() -> UInt32 { cuserfault_thread_id() }

  /// kcmp(2), KCMP_FILES: whether a thread of this process has the same descriptors as the caller. True
  /// where the kernel does not tell.
  static func sharesDescriptors(withThread number: UInt32) -> Bool {
    ask(.compareDescriptors, cuserfault_compare_descriptors(number)) <= 0
  }

  static func joinThread(_ thread: UInt64) {
    cuserfault_join_thread(thread)
  }

  typealias SignalMask = cuserfault_signal_mask

  /// Blocks the signals whose handlers are the application's. Such a handler may write to a region:
  /// run in the middle of a page claim or a closed gate, it would wait for itself. SIGPROF stays open,
  /// for crash reporters stop threads by it; its handler must not write to a region.
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

  /// Makes `resolver` the handler of SIGBUS, by sigaction(2). Returns 0 or a negated errno.
  static func installResolver(
    _ resolver: cuserfault_resolver, _ context: UnsafeMutableRawPointer
  ) -> Int32 {
    unsafe ask(.signalAction, cuserfault_install_resolver(resolver, context))
  }

  @_noLocks
  static func nanoseconds() -> UInt64 { cuserfault_nanoseconds() }

  @_noLocks
  static func yield() { cuserfault_yield() }

  /// Waits a moment before something that may succeed later is tried again, for the `attempt`th time.
  /// Sleeps after a few: sched_yield(2) leaves the processor to threads of the same priority alone.
  @_noLocks
  static func pause(_ attempt: Int) {
    if attempt < 16 { cuserfault_yield() } else { cuserfault_sleep(100_000) }
  }

  /// Says that the calling thread, one of the library's, may hold locks of the Swift runtime or malloc's
  /// from now on: a fork in another thread waits until `endWork`, and this while another thread forks,
  /// a tenth of a second at the most.
  static func beginWork() { cuserfault_begin_work() }

  /// Says that the calling thread sleeps, or does only what takes no lock.
  @_noLocks
  static func endWork() { cuserfault_end_work() }

  @_noLocks
  static func futexWait(_ word: UnsafeMutableRawPointer, _ expected: UInt32, _ nanoseconds: Int64) {
    _ = unsafe askInFaultPath(.futexWait, cuserfault_futex_wait(word, expected, nanoseconds))
  }

  @_noLocks
  static func futexWake(_ word: UnsafeMutableRawPointer) { unsafe cuserfault_futex_wake(word) }
}

// MARK: - Events

extension Kernel {
  /// epoll_wait(2): the tags of ready descriptors, as many as there is room for.
  @_noLocks
  static func epollWait(
    _ epoll: Int32, _ tags: FixedArray<UInt64>, blocks: Bool
  ) -> Int32 {
    unsafe askInFaultPath(
      .epollWait,
      cuserfault_epoll_wait(
        epoll, tags.start, Int32(truncatingIfNeeded: tags.count), blocks))
  }

  @_noLocks
  static func drainEvent(_ descriptor: Int32) {
    _ = askInFaultPath(.readEvent, cuserfault_drain_event(descriptor))
  }

  static func createEpoll() throws(Errno) -> Int32 {
    try check(ask(.createEpoll, cuserfault_create_epoll()))
  }

  static func createEvent() throws(Errno) -> Int32 {
    try check(ask(.createEvent, cuserfault_create_event()))
  }

  /// Raises an eventfd(2). Whoever waits for the threads that it wakes would wait for ever if it failed.
  static func signalEvent(_ descriptor: Int32) {
    for _ in 0..<attempts {
      let status = ask(.writeEvent, cuserfault_signal_event(descriptor))
      if status == 0 || status == -EBADF { return }
      yield()
    }
  }

  static func epollAdd(_ epoll: Int32, _ descriptor: Int32, tag: UInt64) throws(Errno) {
    _ = try check(ask(.epollAdd, cuserfault_epoll_add(epoll, descriptor, tag)))
  }

  /// Whether both numbers still stand for the files that were added to each other. Only what the kernel
  /// answers about other files is a no: EBADF, EINVAL and EPERM for such as are no epoll or cannot be
  /// watched, ENOENT for others that can. Where it refuses for another reason, nothing has changed.
  @_noLocks
  static func epollHolds(_ epoll: Int32, _ descriptor: Int32, tag: UInt64) -> Bool {
    switch -askInFaultPath(.epollModify, cuserfault_epoll_holds(epoll, descriptor, tag)) {
    case EBADF, EINVAL, EPERM, ENOENT: false
    default: true
    }
  }

  /// False if the descriptor may still be reported.
  static func epollRemove(_ epoll: Int32, _ descriptor: Int32) -> Bool {
    for _ in 0..<attempts {
      let status = ask(.epollRemove, cuserfault_epoll_remove(epoll, descriptor))
      // ENOENT and EBADF: it was closed, and has gone with that.
      if status == 0 || status == -ENOENT || status == -EBADF { return true }
      yield()
    }
    return false
  }
}
