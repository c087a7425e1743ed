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

// MARK: - Descriptors

extension Kernel {
  static func close(_ descriptor: Int32) {
    cuserfault_close(descriptor)
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
}
