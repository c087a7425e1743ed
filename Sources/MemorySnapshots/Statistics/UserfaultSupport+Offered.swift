internal import Synchronization

extension UserfaultSupport {
  private static let knownFeatures = FutexLock<Features?>(nil)

  /// What the kernel offers: asked for once, as it does not change while it runs. An answer that
  /// could not be had for want of a descriptor is not kept.
  static var offeredFeatures: Features {
    knownFeatures.withLock { known in
      if let known { return known }
      let support = UserfaultSupport()
      if support.method != nil, !support.features.isEmpty { known = support.features }
      return support.features
    }
  }
}
