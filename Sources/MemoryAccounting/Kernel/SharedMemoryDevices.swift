#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The devices whose files are memory (tmpfs, memfd_create, System V and anonymous shared memory):
/// their pages can be in swap space, and none of them is page cache.
struct SharedMemoryDevices {
  private let devices: Set<UInt64>

  func contains(_ mapping: Mapping) -> Bool {
    !mapping.isAnonymous && devices.contains(mapping.device)
  }

  /// The mounted ones that this process sees, and the kernel's own, which is not mounted: an anonymous
  /// shared mapping of ours tells its device.
  static func current() -> SharedMemoryDevices {
    var devices = mounted((try? ProcFile.read("/proc/self/mountinfo")) ?? [])
    let size = Int(Kernel.pageSize)
    let memory = unsafe mmap(nil, size, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    if let memory = unsafe memory, unsafe memory != MAP_FAILED {
      let address = UInt64(UInt(bitPattern: memory))
      let text = (try? ProcFile.read("/proc/self/maps")) ?? []
      let mapping = Mapping.parse(text, clippedTo: address..<address + Kernel.pageSize).first
      if let mapping { devices.insert(mapping.device) }
      unsafe _ = munmap(memory, size)
    }
    return SharedMemoryDevices(devices: devices)
  }

  /// The devices of the file systems of type tmpfs in the text of /proc/self/mountinfo.
  static func mounted(_ text: [UInt8]) -> Set<UInt64> {
    var devices: Set<UInt64> = []
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " "))
      guard words.count > 4, let dash = words.lastIndex(where: { $0.elementsEqual("-".utf8) }),
        dash + 1 < words.count, words[dash + 1].elementsEqual("tmpfs".utf8)
      else { continue }
      let numbers = words[2].split(separator: UInt8(ascii: ":")).compactMap {
        UInt64(String(decoding: $0, as: UTF8.self))
      }
      if numbers.count == 2 { devices.insert(numbers[0] << 32 | numbers[1]) }
    }
    return devices
  }
}
