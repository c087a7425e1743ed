/// What to account for.
public struct AccountingOptions: Sendable {
  /// Whether each process's mappings are reported one by one, which needs memory for each of them.
  public var includesMappings = false
  /// Only pages at these addresses are counted; `nil` counts all.
  public var addresses: Range<UInt64>?
  /// The most cells that each address space is divided into for a picture of it; 0 for no picture.
  public var pictureCells = 0

  /// Makes options that count all memory and report whole processes.
  public init() {}
}
