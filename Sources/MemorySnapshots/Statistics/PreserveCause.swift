/// Why a page had to be preserved.
enum PreserveCause {
  case fault
  case ahead
  case hot
  case intent
  case restore

  /// Whether nobody has announced a write to the page.
  var isGuess: Bool {
    @_noLocks get {
      switch self {
      case .ahead, .hot: true
      case .fault, .intent, .restore: false
      }
    }
  }
}
