internal import Foundation

/// A value as JSON, readable and in a stable order.
func jsonText(_ value: some Encodable) throws(ToolError) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  do {
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  } catch {
    throw ToolError(.software, "cannot encode the result: \(error)")
  }
}
