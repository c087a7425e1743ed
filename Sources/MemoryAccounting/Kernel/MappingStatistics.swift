internal import SystemPackage

/// What /proc/PID/smaps says of one mapping, in bytes. Reading it costs the target far more than its
/// pagemap does (`mmap_lock` is held for a whole mapping at a time), so it is read only where the
/// pagemap leaves something open.
struct MappingStatistics {
  /// Pages that more than one mapping in the system maps, whole huge pages counted page by page.
  var shared: UInt64 = 0
  /// Pages that nobody else maps.
  var `private`: UInt64 = 0
  var merged: UInt64 = 0
  /// Each page by the number of its mappings; in swap space without pages of shared memory.
  var proportional: UInt64 = 0
  var swapProportional: UInt64 = 0
  /// Pages in swap space; of a shared mapping those of the file's part that it maps.
  var swapped: UInt64 = 0
  /// Whether it consists of explicit huge pages, which `shared` and `private` leave out.
  var isHugetlb = false

  /// Reads the statistics of every mapping, by its first address.
  static func read(pid: Int32) throws(Errno) -> [UInt64: MappingStatistics] {
    parse(try ProcFile.read("/proc/\(pid)/smaps"))
  }

  /// Reads the sums over all mappings.
  ///
  /// Cheaper than the statistics of each, but the target waits for as long.
  static func readSums(pid: Int32) throws(Errno) -> MappingStatistics? {
    parse(try ProcFile.read("/proc/\(pid)/smaps_rollup")).values.first
  }

  static func parse(_ text: [UInt8]) -> [UInt64: MappingStatistics] {
    var all: [UInt64: MappingStatistics] = [:]
    var address: UInt64?
    var current = MappingStatistics()
    var scanner = ByteScanner(text)
    while !scanner.isAtEnd {
      // A mapping begins with its range in lower-case hexadecimal; every other line with a capital.
      if let start = scanner.hexadecimal() {
        if let address { all[address] = current }
        address = start
        current = MappingStatistics()
      } else {
        let name = scanner.word()
        if name.elementsEqual("VmFlags:".utf8) {
          current.isHugetlb = hasHugetlbFlag(&scanner)
        } else {
          let bytes = (scanner.decimal() ?? 0) << 10
          current.add(bytes, to: name)
        }
      }
      scanner.skipLine()
    }
    if let address { all[address] = current }
    return all
  }

  private static func hasHugetlbFlag(_ scanner: inout ByteScanner) -> Bool {
    while true {
      let flag = scanner.word()
      if flag.isEmpty { return false }
      if flag.elementsEqual("ht".utf8) { return true }
    }
  }

  private mutating func add(_ bytes: UInt64, to name: ArraySlice<UInt8>) {
    switch name.first {
    case UInt8(ascii: "S"):
      if name.elementsEqual("Shared_Clean:".utf8) || name.elementsEqual("Shared_Dirty:".utf8) {
        shared &+= bytes
      } else if name.elementsEqual("Swap:".utf8) {
        swapped &+= bytes
      } else if name.elementsEqual("SwapPss:".utf8) {
        swapProportional &+= bytes
      }
    case UInt8(ascii: "P"):
      if name.elementsEqual("Private_Clean:".utf8) || name.elementsEqual("Private_Dirty:".utf8) {
        `private` &+= bytes
      } else if name.elementsEqual("Pss:".utf8) {
        proportional &+= bytes
      }
    case UInt8(ascii: "K"):
      if name.elementsEqual("KSM:".utf8) { merged &+= bytes }
    default: break
    }
  }
}
