/// The names of a heap's containers: an array of records, sorted by the names' UTF-8.
struct Directory {
  let records: RegionArray<PlaceRecord>
  /// Whether the records may have types' names without what is around them.
  private let hasUnqualifiedTypes: Bool

  init(_ header: HeapHeader) {
    hasUnqualifiedTypes = header.version < HeapHeader.firstWithQualifiedTypes
    records = RegionArray(
      ContainerHandle(offset: header.directoryOffset, identity: header.directoryIdentity))
  }

  /// Where the record of a name is, or where it belongs.
  func position(
    of name: String, in memory: HeapMemory
  ) -> (position: Int, record: PlaceRecord?) {
    let bytes = Array(name.utf8)
    let reader = RegionArray<PlaceRecord>.Reader(records, in: memory, of: self)
    var low = 0
    var high = reader.count
    while low < high {
      let middle = low + (high - low) / 2
      let record = reader[middle]
      let other = memory.array(at: record.text, count: Int(record.nameCount))
      if other.lexicographicallyPrecedes(bytes) { low = middle + 1 } else { high = middle }
    }
    guard low < reader.count else { return (low, nil) }
    let record = reader[low]
    let other = memory.array(at: record.text, count: Int(record.nameCount))
    return (low, other == bytes ? record : nil)
  }

  /// The handle that is kept under a name, if any. Checks what it is a handle of.
  func find(
    _ name: String, _ kind: ContainerKind, values: ElementType, keys: ElementType,
    type: TypeName, in memory: HeapMemory
  ) throws(RegionHeapError) -> ContainerHandle? {
    guard let record = position(of: name, in: memory).record else { return nil }
    let recorded = record.type(in: memory)
    guard record.kind == kind.rawValue else {
      let other = ContainerKind(rawValue: record.kind)?.name ?? "something"
      throw RegionHeapError(
        .otherType,
        "\"\(name)\" is \(other), not \(kind.name); open it as what it is, or take another name")
    }
    guard recorded == type.qualified || hasUnqualifiedTypes && recorded == type.unqualified else {
      throw RegionHeapError(
        .otherType,
        "\"\(name)\" is \(kind.name) of \(recorded), not of \(type.qualified); open it as what it "
          + "is, or take another name")
    }
    guard record.values == values, record.keys == keys else {
      throw RegionHeapError(
        .otherType,
        "\"\(name)\" is \(kind.name) of \(recorded), which had another size or alignment when it was "
          + "made; give the new layout another name, and copy")
    }
    return record.handle
  }

  /// Adds a name, which is not there yet.
  func insert(
    _ name: String, _ handle: ContainerHandle, _ kind: ContainerKind, values: ElementType,
    keys: ElementType, type: TypeName, in allocator: Allocator
  ) throws(RegionHeapError) {
    let type = type.qualified
    let text = Array(name.utf8) + Array(type.utf8)
    let position = position(of: name, in: allocator.memory.readable).position
    let offset = try allocator.allocate(max(text.count, 1))
    allocator.memory.copy(text, to: offset)
    let record = PlaceRecord(
      text: offset, nameCount: name.utf8.count, typeCount: type.utf8.count, handle: handle,
      kind: kind, values: values, keys: keys)
    var accessor = RegionArray<PlaceRecord>.Accessor(records, in: allocator)
    do throws(RegionHeapError) {
      try accessor.insert(record, at: position)
    } catch {
      allocator.deallocate(offset)
      throw error
    }
  }

  /// The first thing that is wrong with the list, in a sentence. After the array of records was checked.
  func fault(in memory: HeapMemory, _ claims: inout BlockClaims) -> String? {
    let offset = Int(truncatingIfNeeded: records.handle.offset)
    guard
      ContainerHeader.isValid(
        offset, identity: records.handle.identity, .array, values: ElementType(PlaceRecord.self),
        keys: .none, in: memory)
    else { return "the list of names is not where the header says" }
    let reader = RegionArray<PlaceRecord>.Reader(records, in: memory, of: self)
    var previous: [UInt8]?
    for position in reader.indices {
      let record = reader[position]
      guard record.nameCount >= 0, record.typeCount >= 0 else {
        return "name \(position) has no length"
      }
      let count = Int(record.nameCount) + Int(record.typeCount)
      if let fault = claims.claim(record.text, byteCount: count, by: offset) { return fault }
      let name = memory.array(at: record.text, count: Int(record.nameCount))
      if let previous, !previous.lexicographicallyPrecedes(name) {
        return "name \(position) is not in order"
      }
      previous = name
      guard let kind = ContainerKind(rawValue: record.kind),
        ContainerHeader.isValid(
          Int(truncatingIfNeeded: record.handle.offset), identity: record.handle.identity, kind,
          values: record.values, keys: record.keys, in: memory)
      else {
        return "\"\(record.name(in: memory))\" stands for a container that is not in the heap"
      }
    }
    return nil
  }

  /// Removes the name of a container that is being removed, if it has one.
  func removeName(of handle: ContainerHandle, in allocator: Allocator) {
    let memory = allocator.memory.readable
    let reader = RegionArray<PlaceRecord>.Reader(records, in: memory, of: self)
    guard let position = reader.indices.first(where: { reader[$0].handle == handle }) else {
      return
    }
    remove(position, in: allocator)
  }

  private func remove(_ position: Int, in allocator: Allocator) {
    var accessor = RegionArray<PlaceRecord>.Accessor(records, in: allocator)
    let record = accessor.remove(at: position)
    allocator.deallocate(record.text)
  }

  /// Removes a name, and returns its record.
  func remove(_ name: String, in allocator: Allocator) -> PlaceRecord? {
    let found = position(of: name, in: allocator.memory.readable)
    guard let record = found.record else { return nil }
    remove(found.position, in: allocator)
    return record
  }
}
