/// Why memory could not be accounted for at all.
///
/// A process that may not be read, or that has gone, is no error: it is reported as such among the
/// others.
public struct AccountingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: String, Sendable {
    /// There is no such process, or /proc hides it (`hidepid`).
    case noSuchProcess
    /// /proc is not mounted, or is not the kernel's.
    case procUnavailable
    /// The kernel refused something that needs no privilege.
    case systemCallFailed
    /// The limit of open files does not suffice for the processes that must be read together.
    case tooManyOpenFiles
  }

  /// What went wrong.
  public let code: Code
  /// The error number of the failed system call, or `nil` where there was none.
  public let errno: Int32?
  /// A sentence for the user.
  public let description: String

  init(_ code: Code, errno: Int32? = nil, _ description: String) {
    self.code = code
    self.errno = errno
    self.description = description
  }
}
