/// Why a transaction failed: for a reason of the heap's own, or for one of the closure's.
///
/// ```swift
/// do {
///   try heap.transaction { heap in … }
/// } catch TransactionError<any Error>.body(let error as Overdrawn) {
///   // The closure threw an Overdrawn.
/// } catch TransactionError<any Error>.heap(let error) {
///   // A RegionHeapError.
/// }
/// ```
///
/// A closure that says what it throws, `{ heap throws(Overdrawn) in … }`, makes it a `TransactionError<Overdrawn>`.
public enum TransactionError<Failure: Error>: Error {
  /// The transaction could not begin, could not be kept, or could not be rolled back; the message says
  /// which.
  case heap(RegionHeapError)
  /// The closure threw this; everything is as it was before.
  case body(Failure)
}

extension TransactionError: Equatable where Failure: Equatable {}

extension TransactionError: Hashable where Failure: Hashable {}

extension TransactionError: CustomStringConvertible {
  /// What the error inside says.
  public var description: String {
    switch self {
    case .heap(let error): "\(error)"
    case .body(let error): "\(error)"
    }
  }
}
