internal import Glibc
internal import SystemPackage

/// A file descriptor with one owner, closed when that goes.
struct Descriptor: ~Copyable {
  let rawValue: Int32
  let identity: Kernel.FileIdentity

  /// Makes a file whose number is not one of standard input, output and error. Where those are closed,
  /// it would be, and whoever prints would write to the library's file.
  init(_ make: () throws(Errno) -> Int32) throws(Errno) {
    let number = try make()
    guard number <= STDERR_FILENO else {
      self.init(owning: number)
      return
    }
    // Open until the next one is made, which gets another number for that.
    defer { Kernel.close(number) }
    try self.init(make)
  }

  private init(owning rawValue: Int32) {
    self.rawValue = rawValue
    identity = Kernel.fileIdentity(rawValue)
  }

  /// False if somebody else has closed the number: it may be another file's by now. Files without an
  /// inode of their own, such as an eventfd(2), are not told from each other here.
  var isIntact: Bool { Kernel.fileIdentity(rawValue) == identity }

  /// A number of the file's that nobody else knows, for a call that must not hit another file: ours may
  /// be closed and used anew between a check and the call.
  ///
  /// - Throws: EBADF if the number is no longer the file's.
  func duplicate() throws(Errno) -> Descriptor {
    let rawValue = rawValue
    let copy = try Descriptor { () throws(Errno) in try Kernel.duplicate(rawValue) }
    guard copy.identity == identity else { throw Errno.badFileDescriptor }
    return copy
  }

  deinit {
    // A number that is no longer ours is left alone.
    if isIntact { Kernel.close(rawValue) }
  }
}
