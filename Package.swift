// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "swift-memory-snapshots",
  products: [
    .library(name: "MemorySnapshots", targets: ["MemorySnapshots"]),
    .library(name: "RegionCollections", targets: ["RegionCollections"]),
    .library(name: "MemoryAccounting", targets: ["MemoryAccounting"]),
    .executable(name: "cow", targets: ["cow"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .target(
      name: "CUserfault",
      path: "CSupport/CUserfault",
      cSettings: [.treatAllWarnings(as: .error)]),
    .target(
      name: "MemorySnapshots",
      dependencies: ["CUserfault", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: swiftSettings),
    .target(
      name: "RegionCollections",
      dependencies: ["MemorySnapshots"],
      swiftSettings: swiftSettings),
    .target(
      name: "MemoryAccounting",
      dependencies: ["CUserfault", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: swiftSettings),
    .target(
      name: "SnapshotStress",
      dependencies: [
        "CUserfault", "MemorySnapshots",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "CDemo",
      dependencies: ["CUserfault"],
      path: "CSupport/CDemo",
      cSettings: [.treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "cow",
      dependencies: [
        "CDemo",
        "MemorySnapshots",
        "SnapshotStress",
        "MemoryAccounting",
        "CUserfault",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "CTestSupport",
      dependencies: ["CUserfault"],
      path: "Tests/CTestSupport",
      cSettings: [.treatAllWarnings(as: .error)]),
    .target(name: "CCancellationPoints", path: "Tests/CCancellationPoints"),
    .executableTarget(
      name: "signal-scenarios",
      dependencies: ["MemorySnapshots", "CTestSupport", "CCancellationPoints"],
      path: "Tests/SignalScenarios",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "MemorySnapshotsTests",
      dependencies: [
        "MemorySnapshots", "SnapshotStress", "CUserfault", "CTestSupport", "ScenarioSupport",
        "signal-scenarios",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "CHeapScenarios",
      path: "Tests/CHeapScenarios",
      cSettings: [.treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "heap-scenarios",
      dependencies: ["RegionCollections", "MemorySnapshots", "CHeapScenarios"],
      path: "Tests/HeapScenarios",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "RegionCollectionsTests",
      dependencies: [
        "RegionCollections", "MemorySnapshots", "CTestSupport", "ScenarioSupport", "heap-scenarios",
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "accounting-scenarios",
      path: "Tests/AccountingScenarios",
      cSettings: [.treatAllWarnings(as: .error)]),
    .target(
      name: "ScenarioSupport",
      dependencies: ["accounting-scenarios"],
      path: "Tests/ScenarioSupport",
      swiftSettings: swiftSettings),
    .target(
      name: "PageCount",
      dependencies: ["ScenarioSupport"],
      path: "Tests/PageCount",
      resources: [.copy("count.py")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "MemoryAccountingTests",
      dependencies: ["MemoryAccounting", "CUserfault", "ScenarioSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CowTests",
      dependencies: [
        "cow", "MemorySnapshots", "MemoryAccounting", "ScenarioSupport", "SnapshotStress",
        "PageCount",
      ],
      swiftSettings: swiftSettings),
  ]
)
