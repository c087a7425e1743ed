internal import Glibc
internal import Synchronization
internal import SystemPackage

extension MemorySnapshot {
  /// The snapshot as plain memory: see `SnapshotView`.
  ///
  /// - Returns: The view, which keeps the snapshot and is unmapped when it goes.
  /// - Throws: `SnapshotError` with `.released`, `.invalidated`, `.protectionLost`, or `.outOfResources` if
  ///   the address space or the number of mappings is exhausted.
  /// - Complexity: O(pages changed since the snapshot) for the first two views of a `.sharedMemory`
  ///   region without a `storeLimit`, else O(1). The corresponding system call is mmap(2).
  public func makeView() throws(SnapshotError) -> SnapshotView {
    try SnapshotView(of: self)
  }

  /// Opens a view that the kernel copies pages for, where one more may be: `nil` if not.
  func openViewCopiedByKernel(
    _ operation: String
  ) throws(SnapshotError) -> (index: Int, address: UInt)? {
    let state = region.state
    let isLimited = state.value.storeLimit.isLimited
    guard region.memory.hasFile,
      state.value.views.reserveKernelCopies(atMost: isLimited ? 1 : .max)
    else { return nil }
    let mapping: Mapping
    do throws(Errno) {
      mapping = try region.memory.mapPrivately()
    } catch {
      // The memory file's descriptor was closed, or there is none left to duplicate it: a view needs no
      // descriptor if it is filled as it is read.
      state.value.views.giveBackKernelCopies()
      return nil
    }
    do throws(SnapshotError) {
      // With a limit, each pre-image is kept once: pages that have changed already have theirs, and so
      // would a second view.
      let opening = openView(
        mapping.address, isCopiedByKernel: true, onlyIfUnchanged: isLimited)
      switch opening {
      case .opened(let index):
        let address = mapping.release()
        copyStoredPages(index, at: address)
        return (index, address)
      case .hasChanged:
        state.value.views.giveBackKernelCopies()
        return nil
      case .isFull:
        throw .tooManyViews(operation)
      }
    } catch {
      state.value.views.giveBackKernelCopies()
      throw error
    }
  }

  /// Opens a view that is filled as it is read.
  func openViewFilledWhenRead(
    _ operation: String
  ) throws(SnapshotError) -> (index: Int, address: UInt) {
    let mapping = try mapMissing()
    let opening = openView(mapping.address, isCopiedByKernel: false, onlyIfUnchanged: false)
    guard case .opened(let index) = opening else {
      region.delivery.stopWatchingView(mapping.address)
      throw .tooManyViews(operation)
    }
    return (index, mapping.release())
  }

  private func mapMissing() throws(SnapshotError) -> Mapping {
    do throws(Errno) {
      let mapping = try Mapping(
        missing: byteCount, descriptor: region.state.value.protection.descriptor)
      try region.delivery.watchView(mapping.address)
      return mapping
    } catch {
      throw region.fileError("mapping a view", error)
    }
  }

  private enum Opening {
    case opened(Int)
    case hasChanged
    case isFull
  }

  /// Makes the fault path see a view. If the kernel copies pages for it, it gets a copy of each page
  /// before that changes from now on.
  private func openView(
    _ address: UInt, isCopiedByKernel: Bool, onlyIfUnchanged: Bool
  ) -> Opening {
    region.state.value.timeline.control.withLock { _ in
      region.state.value.timeline.gate.close()
      defer { region.state.value.openGate() }
      let pages = 0..<region.state.value.layout.pageCount
      if onlyIfUnchanged,
        region.state.value.versions.table.nextRun(
          preservedSince: reader.epoch, in: pages, limit: 1) != nil
      {
        return .hasChanged
      }
      let index = region.state.value.views.open(
        address: address, epoch: reader.epoch, isCopiedByKernel: isCopiedByKernel)
      guard let index else { return .isFull }
      record.value.openViews += 1
      return .opened(index)
    }
  }

  /// Writes the pages that have changed before the view was opened into it. A page that changes
  /// meanwhile, while another view is open, may be counted twice until the view is closed.
  private func copyStoredPages(_ index: Int, at address: UInt) {
    let state = region.state
    let pageSize = state.value.layout.pageSize
    var filled = 0
    forEachChangedPage { page in
      let destination = address + UInt(page * pageSize)
      switch reader.locate(page) {
      case .live, .preimage(destination): return
      case .zero: Kernel.zeroBytes(destination, count: pageSize)
      case .preimage(let source):
        Kernel.copyBytes(from: source, to: destination, count: pageSize)
      }
      filled += 1
    }
    guard filled > 0 else { return }
    state.value.views.entry(index).value.ownPages.add(filled, ordering: .relaxed)
    state.value.counters.pagesCopiedByViews.add(filled, ordering: .relaxed)
    state.value.counters.notePreserved(state.value.storeLimit.add(pages: filled))
  }

  /// Takes a view away. Its memory goes with it, unless versions live there: then when the last of
  /// them goes. All of those serve this snapshot, which is in use, so none goes meanwhile.
  func closeView(_ index: Int, at address: UInt) {
    let state = region.state
    let held = state.value.timeline.control.withLock { _ in
      state.value.timeline.gate.close()
      state.value.views.close(index)
      state.value.openGate()
      record.value.openViews -= 1
      state.value.storeLimit.putLimitBack()
      let held = state.value.views.entry(index).value.heldVersions.load(
        ordering: .relaxed)
      if held > 0 { state.value.views.countRetired(1) }
      return held
    }
    let own = state.value.views.entry(index).value.ownPages.load(ordering: .relaxed)
    if state.value.views.entry(index).value.isCopiedByKernel {
      state.value.storeLimit.remove(pages: own)
    } else {
      state.value.storeLimit.residentViewPages.subtract(own, ordering: .relaxed)
      region.delivery.stopWatchingView(address)
      try? Kernel.unregister(state.value.protection.descriptor, address, byteCount)
    }
    if held > 0 {
      discardCopies(ofViewAt: address)
    } else {
      Kernel.unmap(address, byteCount)
      state.value.views.giveBack(index)
    }
    state.value.storeLimit.callKeeperIfStarved()
  }

  /// Gives back the pages of a closed view that are copies of pre-images kept elsewhere.
  private func discardCopies(ofViewAt address: UInt) {
    let pageSize = region.state.value.layout.pageSize
    var copies = 0..<0
    func discard() {
      guard !copies.isEmpty else { return }
      let start = address + UInt(copies.lowerBound * pageSize)
      try? Kernel.advise(start, copies.count * pageSize, MADV_DONTNEED)
    }
    forEachChangedPage { page in
      if case .preimage(address + UInt(page * pageSize)) = reader.locate(page) { return }
      if copies.upperBound == page {
        copies = copies.lowerBound..<page + 1
      } else {
        discard()
        copies = page..<page + 1
      }
    }
    discard()
  }

  private func forEachChangedPage(_ body: (Int) -> Void) {
    let all = 0..<region.state.value.layout.pageCount
    var rest = all
    while let run = region.state.value.versions.table.nextRun(
      preservedSince: reader.epoch, in: rest, limit: all.count)
    {
      for page in run { body(page) }
      rest = run.upperBound..<all.upperBound
    }
  }
}

extension SnapshotError {
  fileprivate static func tooManyViews(_ operation: String) -> SnapshotError {
    SnapshotError(
      .outOfResources, operation: operation,
      message: "the region has \(ViewTable.capacity) views, the most there can be; let some go")
  }
}
