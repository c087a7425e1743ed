/// A file descriptor with one owner, closed when that goes.
struct Descriptor: ~Copyable {
  let rawValue: Int32

  init(owning rawValue: Int32) {
    self.rawValue = rawValue
  }

  deinit { Kernel.close(rawValue) }
}
