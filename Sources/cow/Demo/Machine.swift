internal import Glibc

/// What the figures were measured on.
struct Machine: Codable {
  let kernel: String
  let architecture: String
  let processors: Int
  let memoryBytes: Int
  let pageBytes: Int

  init() {
    var names = utsname()
    unsafe uname(&names)
    kernel = text(names.release)
    architecture = text(names.machine)
    processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    pageBytes = Machine.pageSize
    memoryBytes = sysconf(Int32(_SC_PHYS_PAGES)) * pageBytes
  }

  static let pageSize = sysconf(Int32(_SC_PAGESIZE))
}

/// A C string in an array that Swift sees as a tuple.
private func text<Tuple>(_ characters: Tuple) -> String {
  unsafe withUnsafeBytes(of: characters) {
    unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
  }
}
