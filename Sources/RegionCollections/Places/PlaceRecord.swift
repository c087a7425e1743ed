/// A named place as the directory holds it: 64 bytes without padding.
struct PlaceRecord: BitwiseCopyable {
  /// Of the block that holds the name, and after it the description of the type.
  var text: Int
  var nameCount: Int32
  var typeCount: Int32
  var handle: ContainerHandle
  var values: ElementType
  var keys: ElementType
  var kind: UInt32
  private var reserved: (UInt32, UInt64) = (0, 0)

  init(
    text: Int, nameCount: Int, typeCount: Int, handle: ContainerHandle, kind: ContainerKind,
    values: ElementType, keys: ElementType
  ) {
    self.text = text
    self.nameCount = Int32(nameCount)
    self.typeCount = Int32(typeCount)
    self.handle = handle
    self.values = values
    self.keys = keys
    self.kind = kind.rawValue
  }

  func name(in memory: HeapMemory) -> String {
    String(decoding: memory.array(at: text, count: Int(nameCount)), as: UTF8.self)
  }

  func type(in memory: HeapMemory) -> String {
    String(
      decoding: memory.array(at: text + Int(nameCount), count: Int(typeCount)), as: UTF8.self)
  }
}
