/// Why an operation that calls a closure has failed: for a reason of the library's, or for one of the
/// closure's.
///
/// ```swift
/// do {
///   try snapshot.consume { bytes, range throws(NetworkError) in try connection.send(bytes) }
/// } catch {
///   switch error {
///   case .closure(let error): retry(after: error)   // a NetworkError
///   case .snapshot(let error): report(error)        // a SnapshotError
///   }
/// }
/// ```
public enum ClosureError<Failure: Error>: Error {
  /// The library, or the system, failed.
  case snapshot(SnapshotError)
  /// The closure threw this.
  case closure(Failure)
}

extension ClosureError: Equatable where Failure: Equatable {}

extension ClosureError: Hashable where Failure: Hashable {}

extension ClosureError: CustomStringConvertible {
  /// What the error inside says.
  public var description: String {
    switch self {
    case .snapshot(let error): "\(error)"
    case .closure(let error): "\(error)"
    }
  }
}
