internal import CUserfault
public import SystemPackage

/// What this process may do with userfaultfd, found by asking the kernel.
///
/// Asking opens a descriptor and closes it again: some 10 µs. Nothing is changed. Safe from any
/// thread. Source: userfaultfd(2), ioctl_userfaultfd(2).
public struct UserfaultSupport: Sendable, Hashable, Codable {
  /// The ways to open a descriptor, in the order in which they are tried.
  public enum Method: String, Sendable, Hashable, Codable, CaseIterable {
    /// `/dev/userfaultfd` (Linux 6.1): needs permission on the device node.
    case device
    /// `userfaultfd(0)`: needs CAP_SYS_PTRACE or `vm.unprivileged_userfaultfd = 1`.
    case systemCall
    /// `userfaultfd(UFFD_USER_MODE_ONLY)` (Linux 5.11): needs no privilege, but a system call that
    /// writes into a protected page fails with EFAULT.
    case userModeOnly
  }

  /// One way that was tried.
  public struct Attempt: Sendable, Hashable {
    /// The way.
    public let method: Method
    /// What the kernel answered; `nil` if it worked.
    public let errno: Errno?
  }

  /// The kernel's features that matter here.
  public struct Features: OptionSet, Sendable, Hashable, Codable {
    /// The bits of `uffdio_api.features`.
    public let rawValue: UInt64

    /// Features by their bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `UFFD_FEATURE_PAGEFAULT_FLAG_WP` (Linux 5.7): write-protection of private memory.
    public static let writeProtect = Features(
      rawValue: CUSERFAULT_FEATURE_PAGEFAULT_FLAG_WP)
    /// `UFFD_FEATURE_WP_HUGETLBFS_SHMEM` (Linux 5.19): write-protection of shared memory.
    public static let writeProtectShared = Features(
      rawValue: CUSERFAULT_FEATURE_WP_HUGETLBFS_SHMEM)
    /// `UFFD_FEATURE_WP_UNPOPULATED` (Linux 6.4): protection of pages that do not exist yet.
    public static let writeProtectUnpopulated = Features(
      rawValue: CUSERFAULT_FEATURE_WP_UNPOPULATED)
    /// `UFFD_FEATURE_SIGBUS` (Linux 4.14): faults delivered as a signal.
    public static let signal = Features(rawValue: CUSERFAULT_FEATURE_SIGBUS)

    /// Each feature with the kernel's name for it and the version that brought it.
    static let known: [(feature: Features, name: String, since: String)] = [
      (.writeProtect, "UFFD_FEATURE_PAGEFAULT_FLAG_WP", "Linux 5.7"),
      (.writeProtectShared, "UFFD_FEATURE_WP_HUGETLBFS_SHMEM", "Linux 5.19"),
      (.writeProtectUnpopulated, "UFFD_FEATURE_WP_UNPOPULATED", "Linux 6.4"),
      (.signal, "UFFD_FEATURE_SIGBUS", "Linux 4.14"),
    ]
  }

  /// The way that works, or `nil` if none does.
  public let method: Method?
  /// Every way that was tried, in order.
  public let attempts: [Attempt]
  /// The features that the kernel offers.
  public let features: Features

  /// Whether a system call such as read(2) may write into protected memory. If not, it fails with
  /// EFAULT: call `prepareToWrite(_:)` first.
  public var systemCallsMayWrite: Bool { method == .device || method == .systemCall }

  /// Asks the kernel.
  ///
  /// - Complexity: O(1): up to three attempts to open a descriptor.
  public init() {
    var attempts: [Attempt] = []
    var offered: Features = []
    var method: Method?
    if let opened = Userfaultfd.open(&attempts) {
      // The handshake works once per descriptor: this one is for asking only.
      offered = Features(rawValue: (try? Kernel.handshake(opened.descriptor.rawValue, 0)) ?? 0)
      method = opened.method
    }
    self.method = method
    self.attempts = attempts
    features = offered
  }

  static func advice(after attempts: [Attempt]) -> String {
    let tried = attempts.map(\.description).joined(separator: ", ")
    return """
      no userfaultfd descriptor can be opened (tried: \(tried)). Allow one of: read and write on \
      /dev/userfaultfd for this user; sysctl vm.unprivileged_userfaultfd=1; the capability \
      CAP_SYS_PTRACE; in a container, a seccomp profile that permits userfaultfd(2)
      """
  }
}

extension UserfaultSupport.Attempt: Codable, CustomStringConvertible {
  private enum CodingKeys: String, CodingKey {
    case method
    case errno
  }

  /// The way and what came of it.
  public var description: String {
    let name =
      switch method {
      case .device: "/dev/userfaultfd"
      case .systemCall: "userfaultfd(0)"
      case .userModeOnly: "userfaultfd(UFFD_USER_MODE_ONLY)"
      }
    guard let errno else { return "\(name): works" }
    return "\(name): \(errno)"
  }

  /// Decodes what `encode(to:)` has written.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    method = try container.decode(UserfaultSupport.Method.self, forKey: .method)
    errno = try container.decodeIfPresent(Int32.self, forKey: .errno).map(Errno.init(rawValue:))
  }

  /// Encodes the errno as its number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(method, forKey: .method)
    try container.encodeIfPresent(errno?.rawValue, forKey: .errno)
  }
}

extension UserfaultSupport.Features: CustomStringConvertible {
  /// The kernel's names.
  public var description: String {
    UserfaultSupport.Features.known.filter { contains($0.feature) }
      .map(\.name).joined(separator: ", ")
  }
}
