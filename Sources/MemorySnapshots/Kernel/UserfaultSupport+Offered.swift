internal import Synchronization

extension UserfaultSupport {
  /// What the kernel offers: asked for once, as it does not change while it runs. An answer that
  /// could not be had for want of a descriptor is not kept.
  static var offeredFeatures: Features {
    let memory = try? ProcessMemory.get()
    // Relaxed, and without a lock: whoever finds nothing asks, and finds the same as everybody.
    let known = memory?.kernelFeatures.value.bits.load(ordering: .relaxed) ?? 0
    if known != 0 { return Features(rawValue: known) }
    let support = UserfaultSupport()
    if support.method != nil {
      memory?.kernelFeatures.value.bits.store(support.features.rawValue, ordering: .relaxed)
    }
    return support.features
  }
}
