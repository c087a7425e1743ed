import MemorySnapshots
import Testing

@Test func smoke() throws {
  for backing in MemoryRegion.Backing.allCases {
    let region = try MemoryRegion(byteCount: 1 << 20, options: .init(backing: backing))
    unsafe region.baseAddress.storeBytes(of: 1, as: Int.self)
    let s = try region.makeSnapshot()
    let v = try s.makeView()
    unsafe region.baseAddress.storeBytes(of: 2, as: Int.self)
    unsafe (region.baseAddress + 8192).storeBytes(of: 7, as: Int.self)
    var x = 0
    try unsafe withUnsafeMutableBytes(of: &x) { unsafe try s.copyBytes(in: 0..<8, into: $0) }
    #expect(x == 1)
    #expect(unsafe v.withUnsafeBytes { unsafe $0.load(as: Int.self) } == 1)
    #expect(region.changedRanges(since: s) == [0..<4096, 8192..<12288])
    try region.restore(to: s)
    #expect(unsafe region.baseAddress.load(as: Int.self) == 1)
    #expect(unsafe region.baseAddress.load(fromByteOffset: 8192, as: Int.self) == 0)
    print(region.statistics)
  }
}
