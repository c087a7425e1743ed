#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The users of the system.
enum Users {
  /// The number of a user, given by name or number.
  ///
  /// - Throws: `ToolError` with `EX_NOUSER`.
  static func number(of name: String) throws(ToolError) -> UInt32 {
    if let number = UInt32(name) { return number }
    guard let record = unsafe getpwnam(name) else { throw ToolError(.noUser, "no user '\(name)'") }
    return unsafe record.pointee.pw_uid
  }

  /// The name of a user; the number where there is no name.
  static func name(of number: UInt32) -> String {
    guard let record = unsafe getpwuid(number), let name = unsafe record.pointee.pw_name else {
      return String(number)
    }
    return unsafe String(cString: name)
  }
}
