internal import MemoryAccounting

extension ToolError {
  /// What a failure of the accounting is for the user.
  init(_ error: AccountingError) {
    let exitCode: SystemExit =
      switch error.code {
      case .noSuchProcess: .noInput
      case .procUnavailable: .unavailable
      case .systemCallFailed: .osError
      case .tooManyOpenFiles: .unavailable
      }
    self.init(exitCode, error.description)
  }
}

/// Runs `body`, whose errors of the accounting become errors of the tool.
func accounting<Result>(
  _ body: () throws(AccountingError) -> Result
) throws(ToolError) -> Result {
  do {
    return try body()
  } catch {
    throw ToolError(error)
  }
}
