extension RegionTable.Reader {
  /// A copy of the value of a key, if there is one.
  public func bytes(forKey key: [UInt8]) -> [UInt8]? { copy(find(key.span.rawBytes)) }

  /// The value of a key as a string, if there is one; what is no UTF-8 is replaced.
  public func string(forKey key: String) -> String? {
    copy(find(key.utf8Span.span.rawBytes)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether there is an entry with this key.
  public func contains(_ key: [UInt8]) -> Bool { contains(key.span.rawBytes) }

  /// Whether there is an entry with this key.
  public func contains(_ key: String) -> Bool { contains(key.utf8Span.span.rawBytes) }

  func copy(_ entry: TableEntry?) -> [UInt8]? {
    entry.map { memory.array(at: $0.valueOffset, count: $0.valueCount) }
  }
}

extension RegionTable.Accessor {
  /// A copy of the value of a key, if there is one.
  public func bytes(forKey key: [UInt8]) -> [UInt8]? { reader.bytes(forKey: key) }

  /// The value of a key as a string, if there is one; what is no UTF-8 is replaced.
  public func string(forKey key: String) -> String? { reader.string(forKey: key) }

  /// Whether there is an entry with this key.
  public func contains(_ key: [UInt8]) -> Bool { reader.contains(key) }

  /// Whether there is an entry with this key.
  public func contains(_ key: String) -> Bool { reader.contains(key) }

  /// Gives a key a value. See `updateValue(_:forKey:)` of spans.
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func updateValue(
    _ value: [UInt8], forKey key: [UInt8]
  ) throws(RegionHeapError) -> Bool {
    try updateValue(value.span.rawBytes, forKey: key.span.rawBytes)
  }

  /// Gives a key a value, both as UTF-8. See `updateValue(_:forKey:)` of spans.
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func updateValue(
    _ value: String, forKey key: String
  ) throws(RegionHeapError) -> Bool {
    try updateValue(value.utf8Span.span.rawBytes, forKey: key.utf8Span.span.rawBytes)
  }

  /// Removes the entry of a key, and returns whether there was one.
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func removeValue(forKey key: [UInt8]) -> Bool {
    removeValue(forKey: key.span.rawBytes)
  }

  /// Removes the entry of a key, and returns whether there was one.
  @discardableResult
  @_lifetime(self: copy self)
  public mutating func removeValue(forKey key: String) -> Bool {
    removeValue(forKey: key.utf8Span.span.rawBytes)
  }
}
