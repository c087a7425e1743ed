/// What one populated page of a process is.
public enum PageState: Int, Codable, Sendable, CaseIterable {
  /// The page belongs to this address space alone.
  case `private`
  /// An anonymous page of a writable private mapping that another address space maps too.
  case sharedAnonymous
  /// A page of a writable private file mapping that was never written.
  case unwrittenFile
  /// The kernel's zero page.
  case zero
  /// A page merged with equal ones (KSM).
  case merged
  /// A page shared by design.
  case shared
  /// A shared anonymous page that cannot be written.
  case sharedReadOnly
  /// A page in swap space.
  case swapped

  /// Whether a write would make a copy.
  public var isCopyOnWrite: Bool {
    switch self {
    case .sharedAnonymous, .unwrittenFile, .zero, .merged: true
    case .private, .shared, .sharedReadOnly, .swapped: false
    }
  }

  /// Whether the page uses memory of the machine, as the resident set counts it.
  public var isResident: Bool { self != .zero && self != .swapped }
}
