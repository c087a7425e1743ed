internal import CUserfault
internal import Glibc
internal import SystemPackage

// What userfaultfd(2) and ioctl_userfaultfd(2) offer.

extension Kernel {
  typealias Message = cuserfault_message

  static func openUserfaultDevice() throws(Errno) -> Int32 {
    try check(ask(.openUserfault, cuserfault_open_device()))
  }

  static func openUserfault(userModeOnly: Bool) throws(Errno) -> Int32 {
    try check(ask(.openUserfault, cuserfault_open_system_call(userModeOnly)))
  }

  static func handshake(_ descriptor: Int32, _ features: UInt64) throws(Errno) -> UInt64 {
    var granted: UInt64 = 0
    _ = unsafe try check(ask(.handshake, cuserfault_handshake(descriptor, features, &granted)))
    return granted
  }

  static func register(
    _ descriptor: Int32, _ start: UInt, _ length: Int, mode: UInt64
  ) throws(Errno) -> UInt64 {
    var ioctls: UInt64 = 0
    _ = unsafe try check(
      ask(
        .register, cuserfault_register(descriptor, UInt64(start), UInt64(length), mode, &ioctls)))
    return ioctls
  }

  static func unregister(_ descriptor: Int32, _ start: UInt, _ length: Int) throws(Errno) {
    _ = try check(
      ask(.unregister, cuserfault_unregister(descriptor, UInt64(start), UInt64(length))))
  }

  @_noLocks
  static func writeProtect(_ descriptor: Int32, _ start: UInt, _ length: Int) -> Int32 {
    askInFaultPath(
      .writeProtect, cuserfault_write_protect(descriptor, UInt64(start), UInt64(length)))
  }

  @_noLocks
  static func writeUnprotect(_ descriptor: Int32, _ start: UInt, _ length: Int) -> Int32 {
    askInFaultPath(
      .writeUnprotect, cuserfault_write_unprotect(descriptor, UInt64(start), UInt64(length)))
  }

  @_noLocks
  static func wake(_ descriptor: Int32, _ start: UInt, _ length: Int) -> Int32 {
    askInFaultPath(.wake, cuserfault_wake(descriptor, UInt64(start), UInt64(length)))
  }

  /// Fills missing pages and wakes who waits for them. Returns how many bytes it got to, or an errno
  /// negated if not even the first page could be filled.
  @_noLocks
  static func copyIn(
    _ descriptor: Int32, from source: UInt, to start: UInt, _ length: Int
  ) -> Int {
    guard let bytes = unsafe UnsafeRawPointer(bitPattern: source) else { return -Int(EFAULT) }
    return unsafe askInFaultPath(
      .copyIn, Int(cuserfault_copy(descriptor, UInt64(start), bytes, UInt64(length))))
  }

  /// - Parameter neverWaits: Whether to read so that no other file is waited for either: see
  ///   `canReadWithoutWaiting`.
  @_noLocks
  static func readMessages(
    _ descriptor: Int32, _ messages: FixedArray<Message>, neverWaits: Bool
  ) -> Int32 {
    unsafe askInFaultPath(
      .readMessages,
      cuserfault_read_messages(
        descriptor, messages.start, Int32(truncatingIfNeeded: messages.count), neverWaits))
  }

  /// Whether a userfaultfd that nobody has faulted on yet can be read with RWF_NOWAIT (Linux 6.10).
  static func canReadWithoutWaiting(_ descriptor: Int32) -> Bool {
    var message = Message()
    let status = unsafe ask(
      .readMessages, cuserfault_read_messages(descriptor, &message, 1, true))
    return status == -EAGAIN
  }
}

extension FixedArray where Element == Kernel.Message {
  subscript(index: Int) -> Kernel.Message {
    @_noLocks unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
  }
}
