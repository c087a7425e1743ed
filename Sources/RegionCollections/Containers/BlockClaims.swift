/// Which blocks containers say are theirs: each must be in use, large enough, and of one container.
struct BlockClaims {
  private let sizeOfBlock: (Int) -> Int?
  private var owners: [Int: Int] = [:]

  init(sizeOfBlock: @escaping (Int) -> Int?) { self.sizeOfBlock = sizeOfBlock }

  /// Takes note that the container at `owner` has the block at `offset`, of at least `byteCount` bytes.
  /// Returns a sentence if that cannot be. Never traps, whatever the numbers are.
  mutating func claim(_ offset: Int, byteCount: Int, by owner: Int) -> String? {
    guard let size = sizeOfBlock(offset) else {
      return "the container at offset \(owner) has a block at \(offset), where none is in use"
    }
    guard byteCount >= 0, byteCount <= size else {
      return "the container at offset \(owner) has \(byteCount) bytes in a block of \(size)"
    }
    if let other = owners.updateValue(owner, forKey: offset) {
      return "the containers at offsets \(other) and \(owner) both have the block at \(offset)"
    }
    return nil
  }
}
