internal import CUserfault
internal import SystemPackage

/// A userfaultfd descriptor after its handshake.
struct Userfaultfd: ~Copyable {
  let descriptor: Descriptor
  let method: UserfaultSupport.Method

  /// A descriptor before its handshake.
  struct Opened: ~Copyable {
    let descriptor: Descriptor
    let method: UserfaultSupport.Method
  }

  /// A page that is registered and never protected. Its registration goes with the descriptor, and
  /// tells whether that is still what it was.
  private var canary: Mapping?
  let canaryAddress: UInt

  /// Opens a descriptor by the first of the three ways that works and asks for `features`.
  init(features: UserfaultSupport.Features) throws(SnapshotError) {
    var attempts: [UserfaultSupport.Attempt] = []
    guard let opened = Userfaultfd.open(&attempts) else {
      let reason = attempts.last?.errno
      // Not a matter of permission.
      if let reason, [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory].contains(reason) {
        throw .systemCall("userfaultfd", reason)
      }
      throw SnapshotError(
        .notPermitted, errno: reason, operation: "userfaultfd",
        message: UserfaultSupport.advice(after: attempts))
    }
    do {
      _ = try Kernel.handshake(opened.descriptor.rawValue, features.rawValue)
    } catch Errno.noMemory {
      throw .systemCall("ioctl(UFFDIO_API)", .noMemory)
    } catch {
      throw SnapshotError(
        .unsupported, errno: error, operation: "ioctl(UFFDIO_API)",
        message: "this kernel does not offer \(features.description); `cow check` shows what it "
          + "offers")
    }
    do {
      let page = try Mapping(anonymous: Kernel.pageSize)
      _ = try Kernel.register(
        opened.descriptor.rawValue, page.address, page.byteCount,
        mode: CUSERFAULT_MODE_WRITE_PROTECT)
      canaryAddress = page.address
      canary = consume page
    } catch {
      throw .systemCall("ioctl(UFFDIO_REGISTER)", error)
    }
    method = opened.method
    descriptor = opened.descriptor
  }

  /// Leaves the canary mapped for ever, if it is: a forked child has none, but may have mapped
  /// something else at the same address.
  mutating func abandonCanary() {
    _ = canary.take()?.release()
  }

  /// Goes on to the next way after any error: a missing device node, a denied one and a filtered
  /// system call all mean the same here.
  static func open(
    _ attempts: inout [UserfaultSupport.Attempt]
  ) -> Opened? {
    for method in UserfaultSupport.Method.allCases {
      do {
        let descriptor = try Descriptor { () throws(Errno) in
          switch method {
          case .device: try Kernel.openUserfaultDevice()
          case .systemCall: try Kernel.openUserfault(userModeOnly: false)
          case .userModeOnly: try Kernel.openUserfault(userModeOnly: true)
          }
        }
        attempts.append(UserfaultSupport.Attempt(method: method, errno: nil))
        return Opened(descriptor: descriptor, method: method)
      } catch {
        attempts.append(UserfaultSupport.Attempt(method: method, errno: error))
      }
    }
    return nil
  }

  /// Registers a range for write-protection; EINVAL if the kernel cannot protect it page by page.
  func registerForWriteProtection(_ start: UInt, _ length: Int) throws(Errno) {
    let ioctls = try Kernel.register(
      descriptor.rawValue, start, length, mode: CUSERFAULT_MODE_WRITE_PROTECT)
    // Zero pages are offered for every mapping but those of explicit huge pages, which are
    // protected as a whole: the only way to tell them apart without looking at names.
    let needed =
      CUSERFAULT_IOCTL_WRITE_PROTECT | CUSERFAULT_IOCTL_WAKE | CUSERFAULT_IOCTL_ZERO_PAGE
    guard ioctls & needed == needed else {
      // The registration goes with the descriptor, if not at once.
      try? Kernel.unregister(descriptor.rawValue, start, length)
      throw Errno.invalidArgument
    }
  }
}

extension Kernel {
  /// `UFFDIO_REGISTER` for missing pages.
  static func registerForMissingPages(
    _ descriptor: Int32, _ start: UInt, _ length: Int
  ) throws(Errno) {
    _ = try register(descriptor, start, length, mode: CUSERFAULT_MODE_MISSING)
  }
}
