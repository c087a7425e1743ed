extension String {
  /// The text without control characters, which a process may have put into its name: they would
  /// command the terminal.
  var printable: String {
    let isHarmless = unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    if isHarmless { return self }
    let scalars = unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }
    return String(String.UnicodeScalarView(scalars))
  }
}
