internal import SystemPackage

/// The different address spaces of a list of processes, and which of them are related.
final class AddressSpaceListing {
  /// Address spaces that run the same image: one process and those it forked, as long as they did
  /// not start another program.
  private(set) var families: [[AddressSpace]] = []
  /// Whether the kernel told which processes share an address space.
  private(set) var knowsSharedSpaces = true
  /// Processes that could not be read, or have no memory.
  private(set) var conditions: [Int32: ProcessCondition] = [:]

  private var sharedSpaces: Set<ObjectIdentifier> = []
  private var spaceOfProcess: [Int32: AddressSpace] = [:]

  init(_ entries: [ProcessEntry], except gone: Set<Int32>) throws(AccountingError) {
    var familyOfImage: [[UInt8]: Int] = [:]
    for entry in entries {
      if gone.contains(entry.pid) {
        conditions[entry.pid] = .gone
      } else if entry.isKernelThread {
        conditions[entry.pid] = .kernelThread
      } else if entry.isZombie {
        conditions[entry.pid] = .zombie
      } else {
        do throws(AddressSpace.Obstacle) {
          add(try AddressSpace(entry), &familyOfImage)
        } catch {
          switch error {
          case .denied: conditions[entry.pid] = .denied
          case .gone: conditions[entry.pid] = .gone
          case .tooManyOpenFiles: throw .tooManyOpenFiles(1)
          }
        }
      }
    }
    for entry in entries { findOrigin(of: entry) }
  }

  /// The address space of a process, or `nil` if it has none that may be read.
  func space(of pid: Int32) -> AddressSpace? { spaceOfProcess[pid] }

  /// Whether several of the processes have this address space.
  func isShared(_ space: AddressSpace) -> Bool { sharedSpaces.contains(ObjectIdentifier(space)) }

  /// Takes an address space out that turned out not to be readable; nothing can be compared with it.
  func deny(_ space: AddressSpace) {
    for other in spaceOfProcess.values where other.origin === space { other.origin = nil }
    for (pid, other) in spaceOfProcess where other === space {
      spaceOfProcess[pid] = nil
      conditions[pid] = .denied
    }
  }

  private func add(_ space: AddressSpace, _ familyOfImage: inout [[UInt8]: Int]) {
    let family = familyOfImage[space.image] ?? families.count
    if family == families.count {
      familyOfImage[space.image] = family
      families.append([])
    }
    let placed = place(space, in: &families[family])
    spaceOfProcess[space.process.pid] = placed
    if placed !== space { sharedSpaces.insert(ObjectIdentifier(placed)) }
  }

  /// Finds the space that is the same as `space` in a family, which is kept in the kernel's order of
  /// address spaces, or puts `space` in its place there.
  private func place(_ space: AddressSpace, in family: inout [AddressSpace]) -> AddressSpace {
    var range = 0..<family.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      do throws(Errno) {
        let order = try Kernel.compareAddressSpaces(space.process.pid, family[middle].process.pid)
        if order == 0 { return family[middle] }
        range = order == 1 ? range.lowerBound..<middle : middle + 1..<range.upperBound
      } catch {
        // One of the two has ended, which will be noticed; or kcmp is forbidden (seccomp).
        if error != .noSuchProcess { knowsSharedSpaces = false }
        break
      }
    }
    family.insert(space, at: range.lowerBound)
    return space
  }

  private func findOrigin(of entry: ProcessEntry) {
    guard let space = spaceOfProcess[entry.pid], let parent = spaceOfProcess[entry.parent],
      space !== parent, space.origin == nil, space.image == parent.image
    else { return }
    space.origin = parent
  }
}
