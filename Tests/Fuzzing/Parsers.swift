// What parses bytes from outside, for libFuzzer. Built by .ci/sanitize together with the sources of
// the parsers, which are internal; not part of the package.

/// The first byte chooses the parser; nothing may trap, whatever the rest is.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzParsers(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
  guard let choice = bytes.first else { return 0 }
  let text = Array(bytes.dropFirst())
  switch choice % 6 {
  case 0:
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      guard let area = MappedArea(line: line) else { continue }
      precondition(area.start <= area.end || area.reasonNotToProtect != "")
    }
  case 1: for mapping in Mapping.parse(text, clippedTo: nil) { _ = mapping.permissionsText }
  case 2: _ = Mapping.parse(text, clippedTo: 0x1000..<0x7fff_ffff_f000)
  case 3: _ = MappingStatistics.parse(text)
  case 4: _ = SwapAreas.parse(text)
  default:
    let half = text.count / 2
    _ = ProcessEntry(pid: 1, stat: Array(text[..<half]), status: Array(text[half...]))
  }
  return 0
}
