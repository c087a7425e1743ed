/// How a figure is known.
public enum Exactness: String, Codable, Sendable, Comparable {
  /// Counted page by page from what the kernel says about each; right for a process that stands
  /// still while it is read.
  case exact
  /// Derived from something that does not determine it; near, but not to be relied on to the byte.
  case estimate
  /// At most this much: the true amount may be less, never more.
  case bound
  /// The kernel does not let this caller know; there is no number at all.
  case denied

  /// Orders by quality: `exact < bound < estimate < denied`, so that the worst of several is their
  /// maximum: a bound and an exact amount make a bound, a bound and an estimate an estimate.
  public static func < (left: Exactness, right: Exactness) -> Bool { left.rank < right.rank }

  private var rank: Int {
    switch self {
    case .exact: 0
    case .bound: 1
    case .estimate: 2
    case .denied: 3
    }
  }
}

/// A number of bytes together with how it is known.
///
/// A figure that is denied has no number: it is never zero by default.
public struct MemoryFigure: Codable, Sendable, Hashable {
  /// The amount in bytes; `nil` exactly if the figure is denied.
  public let bytes: UInt64?
  /// How the amount is known.
  public let exactness: Exactness

  /// A figure that the caller is not allowed to know.
  public static let denied = MemoryFigure()

  /// Makes a figure of `bytes`, known as well as `exactness` says (not `denied`).
  public init(bytes: UInt64, exactness: Exactness = .exact) {
    precondition(exactness != .denied, "a denied figure has no number")
    self.bytes = bytes
    self.exactness = exactness
  }

  private init() {
    bytes = nil
    exactness = .denied
  }

  /// The sum, known as well as the worse of the two; denied if either is.
  public static func + (left: MemoryFigure, right: MemoryFigure) -> MemoryFigure {
    guard let first = left.bytes, let second = right.bytes else { return .denied }
    return MemoryFigure(
      bytes: first + second, exactness: max(left.exactness, right.exactness))
  }
}
