// What the options mean to the layers below.

extension MemoryRegion.Options {
  var traits: RegionState.Traits {
    RegionState.Traits(
      pageLimit: storeLimit.map { $0 / Kernel.pageSize } ?? .max,
      blocksWritersWhenFull: whenStoreIsFull == .blockWriters,
      tracksChangesWhenIdle: tracksChangesWhenIdle, preservesAhead: preservesAhead,
      preservesHotPages: preservesHotPages)
  }
}

extension MemoryRegion.FaultDelivery {
  var kind: any Delivery.Type {
    switch self {
    case .handlerThread: ThreadDelivery.self
    case .inline: InlineDelivery.self
    }
  }
}
