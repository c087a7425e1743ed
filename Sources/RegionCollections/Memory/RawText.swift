/// Bytes on their way into a heap.
struct RawText {
  private let storage: [UInt8]

  init(_ bytes: [UInt8]) { storage = bytes }

  init(_ string: String) { storage = Array(string.utf8) }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = storage.span
      return unsafe span.bytes
    }
  }
}
