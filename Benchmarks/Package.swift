// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "Benchmarks",
  dependencies: [
    .package(name: "swift-memory-snapshots", path: ".."),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/ordo-one/TextTable", from: "0.0.2"),
  ],
  targets: [
    .target(
      name: "CPeers",
      cSettings: [.define("_GNU_SOURCE"), .treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary("pthread")]),
    .target(
      name: "CxxPeers",
      cxxSettings: [.treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary("stdc++")]),
    .executableTarget(
      name: "compare",
      dependencies: [
        "CPeers", "CxxPeers",
        .product(name: "MemorySnapshots", package: "swift-memory-snapshots"),
        .product(name: "RegionCollections", package: "swift-memory-snapshots"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "TextTable", package: "TextTable"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "CAccountingTargets",
      cSettings: [.treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "accounting",
      dependencies: [
        "CAccountingTargets",
        .product(name: "MemoryAccounting", package: "swift-memory-snapshots"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
  ],
  cxxLanguageStandard: .cxx17
)
