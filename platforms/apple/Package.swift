// swift-tools-version:5.9
// Linnet for Swift: `CLinnet` is runtime/include/linnet/linnet.h as it is, `Linnet` a small layer
// over it. The library itself is found where pkg-config or LINNET_PREFIX says; see README.md.
import Foundation
import PackageDescription

var link: [LinkerSetting] = [.linkedLibrary("linnet")]
if let prefix = ProcessInfo.processInfo.environment["LINNET_PREFIX"] {
  link.append(.unsafeFlags(["-L\(prefix)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(prefix)/lib"]))
}

let package = Package(
  name: "Linnet",
  platforms: [.macOS(.v12), .iOS(.v15)],
  products: [.library(name: "Linnet", targets: ["Linnet"])],
  targets: [
    .systemLibrary(name: "CLinnet", pkgConfig: "linnet"),
    .target(name: "Linnet", dependencies: ["CLinnet"], linkerSettings: link),
    .executableTarget(name: "write", dependencies: ["Linnet"]),
  ]
)
