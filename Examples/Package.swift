// swift-tools-version: 6.2
import Foundation
import PackageDescription

let swiftSettings: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "Examples",
  dependencies: [.package(name: "swift-memory-snapshots", path: "..")],
  targets: [
    .executableTarget(
      name: "Ledger",
      dependencies: [.product(name: "RegionCollections", package: "swift-memory-snapshots")],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "Document",
      dependencies: [.product(name: "RegionCollections", package: "swift-memory-snapshots")],
      swiftSettings: swiftSettings),
  ])

// Lua's headers: Debian's liblua5.4-dev.
if FileManager.default.fileExists(atPath: "/usr/include/lua5.4/lua.h") {
  package.targets += [
    .systemLibrary(name: "CLua", path: "CLua", providers: [.apt(["liblua5.4-dev"])]),
    .executableTarget(
      name: "TimeTravel",
      dependencies: [
        "CLua", .product(name: "RegionCollections", package: "swift-memory-snapshots"),
      ],
      swiftSettings: swiftSettings),
  ]
}
