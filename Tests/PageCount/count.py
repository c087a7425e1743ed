#!/usr/bin/env python3
"""Counts the memory of processes, page by page, from what the kernel says of each page.

usage: count.py PID...

A second opinion for the tests of `cow stat`: as root it reads /proc/PID/pagemap, /proc/kpagecount
and /proc/kpageflags and shares nothing with the tool. The processes must stand still meanwhile.
Prints JSON. Every figure is a number of pages, but for names that end in "Bytes".
"""

import ctypes
import json
import os
import platform
import re
import sys
from array import array
from collections import Counter, defaultdict, namedtuple

PAGE = os.sysconf("SC_PAGE_SIZE")

# Entries of pagemap (Documentation/admin-guide/mm/pagemap.rst).
PRESENT, SWAPPED, FILE, PROTECTED = 1 << 63, 1 << 62, 1 << 61, 1 << 57
FRAME = (1 << 55) - 1
# Areas of swap space from here on are the kernel's notes: markers, guard pages, migration.
FIRST_NOTE = 23

# Bits of kpageflags (include/uapi/linux/kernel-page-flags.h).
ANONYMOUS, SWAP_BACKED, HUGETLB, MERGED, ZERO = (1 << bit for bit in (12, 14, 17, 21, 24))

Mapping = namedtuple("Mapping", "start end writable shared offset file")
Page = namedtuple("Page", "address identity entry mapping")


class FrameTable:
    """/proc/kpagecount or /proc/kpageflags, read in blocks and remembered."""

    def __init__(self, name):
        self.file = os.open("/proc/" + name, os.O_RDONLY)
        self.blocks = {}

    def __getitem__(self, frame):
        number, index = divmod(frame, 512)
        if number not in self.blocks:
            self.blocks[number] = array("Q", os.pread(self.file, 4096, number * 4096))
        block = self.blocks[number]
        return block[index] if index < len(block) else 0


def mappings(pid):
    with open(f"/proc/{pid}/maps", errors="surrogateescape") as lines:
        for line in lines:
            addresses, permissions, offset, device, inode, *name = line.split(None, 5)
            # The kernel's own data: no memory of the process.
            if name and re.match(r"\[(vvar|vsyscall)", name[0]):
                continue
            start, end = (int(number, 16) for number in addresses.split("-"))
            yield Mapping(start, end, permissions[1] == "w", permissions[3] == "s",
                          int(offset, 16), (device, inode))


def pages(pid):
    """Every page of a process that is in memory or in swap space."""
    found = []
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for mapping in mappings(pid):
            for start in range(mapping.start, mapping.end, 8192 * PAGE):
                count = (min(mapping.end, start + 8192 * PAGE) - start) // PAGE
                block = os.pread(pagemap.fileno(), count * 8, start // PAGE * 8)
                if block.count(0) == len(block):
                    continue
                for index, entry in enumerate(array("Q", block)):
                    if entry & PRESENT:
                        identity = entry & FRAME
                    elif entry & SWAPPED and entry & 31 < FIRST_NOTE:
                        identity = entry & (FRAME | SWAPPED)
                    else:
                        continue
                    found.append(Page(start + index * PAGE, identity, entry, mapping))
    return found


def kind(page, flags, count):
    """What one page is: a name of the figures that are printed, or None for what is no memory."""
    name = kind_unless_protected(page, flags, count)
    if page.entry & PROTECTED and name in ("private", "shared", "sharedReadOnly"):
        return "onlyProtected"
    return name


def kind_unless_protected(page, flags, count):
    mapping = page.mapping
    if not page.entry & PRESENT:
        return "swapped"
    if flags & ZERO:
        return "zero" if mapping.writable and not mapping.shared else None
    if not page.entry & FILE and not flags & ANONYMOUS:
        return None  # A device's.
    if mapping.shared:
        return "shared"
    if not flags & ANONYMOUS:
        return "unwrittenFile" if mapping.writable else "shared"
    if flags & MERGED:
        return "merged" if mapping.writable else "sharedReadOnly"
    if count < 2:
        return "private"
    return "sharedAnonymous" if mapping.writable else "sharedReadOnly"


KINDS = ("private", "sharedAnonymous", "unwrittenFile", "zero", "merged", "shared",
         "sharedReadOnly", "onlyProtected", "swapped")
COPY_ON_WRITE = ("sharedAnonymous", "unwrittenFile", "zero", "merged", "onlyProtected")


class Space:
    """One address space: its pages, and what they are."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/stat", errors="surrogateescape") as status:
            self.parent = int(status.read().rpartition(")")[2].split()[1])
        self.pages = pages(pid)
        self.swapped_shared = swapped_shared(pid)
        # Fork leaves both as they are, exec makes them anew.
        with open(f"/proc/{pid}/auxv", "rb") as vector:
            self.image = (vector.read(), os.readlink(f"/proc/{pid}/exe"))

    def classify(self, tree):
        self.kinds = Counter()
        self.hugetlb = self.protected = self.proportional = self.unique = 0
        self.file_pages = self.shared_memory_pages = 0
        # Pages of private mappings, by address.
        self.own = {}
        for page in self.pages:
            present = bool(page.entry & PRESENT)
            flags = tree.flags[page.identity] if present else 0
            count = tree.counts[page.identity] if present else 0
            name = kind(page, flags, count)
            if name is None:
                continue
            self.kinds[name] += 1
            if not page.mapping.shared:
                self.own[page.address] = (page, name)
            if not present:
                continue
            self.protected += bool(page.entry & PROTECTED)
            tree.resident[page.identity].append(name)
            if flags & HUGETLB:
                self.hugetlb += 1
            elif name != "zero":
                # As smaps divides and tells apart; it leaves explicit huge pages out.
                self.proportional += (PAGE << 12) // max(count, 1)
                self.unique += count < 2
            if flags & ANONYMOUS or name == "zero":
                continue
            if flags & SWAP_BACKED:
                self.shared_memory_pages += 1
            else:
                self.file_pages += 1

    def is_related(self, page, parent):
        """Whether the parent has the same memory at the address of a page, or none."""
        other = parent.own.get(page.address)
        return other is None or other[0].mapping.file == page.mapping.file and (
            page.mapping.file[1] == "0" or other[0].mapping.offset - other[0].mapping.start
            == page.mapping.offset - page.mapping.start)

    def figures(self, tree):
        figures = {name: self.kinds[name] for name in KINDS}
        figures |= {
            "pid": self.pid, "parent": self.parent,
            "hugetlb": self.hugetlb,
            "resident": sum(count for name, count in self.kinds.items()
                            if name not in ("zero", "swapped")) - self.hugetlb,
            "copyOnWrite": sum(self.kinds[name] for name in COPY_ON_WRITE),
            "protected": self.protected,
            "swapped": self.kinds["swapped"] + sum(self.swapped_shared.values()),
            "swappedShared": sum(self.swapped_shared.values()),
            "file": self.file_pages, "sharedMemory": self.shared_memory_pages,
            "unique": self.unique, "proportionalBytes": self.proportional >> 12,
            "swapProportionalBytes": sum(
                (PAGE << 12) // tree.references[page.identity]
                for page in self.pages if not page.entry & PRESENT) >> 12,
            "kernelBytes": rollup(self.pid),
        }
        figures["freed"], figures["freedAtMost"] = tree.freed([self])
        inside = tree.subtree(self)
        figures["tree"], figures["treeSwap"] = tree.used(inside)
        figures["treeFreed"], figures["treeFreedAtMost"] = tree.freed(inside)
        parent = tree.parent_in_image(self)
        if parent is not None:
            own = [(page, name, parent.own.get(page.address), self.is_related(page, parent))
                   for page, name in self.own.values()]
            figures["differing"] = sum(
                1 for page, _, other, related in own
                if other and related and other[0].identity != page.identity)
            figures["fresh"] = sum(
                1 for _, name, other, related in own if (other is None or not related)
                and name not in ("zero", "unwrittenFile", "shared"))
        return figures


class Tree:
    """Several processes together."""

    def __init__(self, pids):
        self.counts, self.flags = FrameTable("kpagecount"), FrameTable("kpageflags")
        self.by_pid = {}
        self.spaces = []
        for pid in pids:
            twin = next((space for space in self.spaces if same_space(space.pid, pid)), None)
            self.by_pid[pid] = twin or Space(pid)
            if twin is None:
                self.spaces.append(self.by_pid[pid])
        self.references = Counter(
            page.identity for space in self.spaces for page in space.pages)
        # What every frame that is memory of the processes is to each of those who map it.
        self.resident = defaultdict(list)
        for space in self.spaces:
            space.classify(self)

    def parent_in_image(self, space):
        """The process that a process was forked from, unless either has run a program since."""
        parent = self.by_pid.get(space.parent)
        return parent if parent is not None and parent.image == space.image else None

    def subtree(self, root):
        inside = [root]
        for space in inside:
            inside += [child for child in self.spaces
                       if child.parent == space.pid and child not in inside]
        return inside

    def used(self, spaces):
        """Different pages of some of the processes, in memory and in swap space."""
        identities = {page.identity for space in spaces for page in space.pages}
        in_memory = sum(1 for identity in identities
                        if self.resident.get(identity, ["zero"])[0] != "zero")
        slots = sum(1 for identity in identities if identity & SWAPPED)
        return in_memory, slots + sum(swapped_shared_by(spaces).values())

    def freed(self, spaces):
        """Pages in memory that nobody but `spaces` maps: anonymous ones; those and the ones of shared
        memory. Explicit huge pages go back to their pool."""
        references = Counter(page.identity for space in spaces for page in space.pages)
        alone = [self.flags[identity] for identity, count in references.items()
                 if self.resident.get(identity, ["zero"])[0] != "zero"
                 and count >= self.counts[identity]]
        alone = [flags for flags in alone if not flags & HUGETLB]
        anonymous = sum(1 for flags in alone if flags & ANONYMOUS)
        return anonymous, anonymous + sum(
            1 for flags in alone if not flags & ANONYMOUS and flags & SWAP_BACKED)

    def certain(self):
        """Pages that differ even for those who may not see frames: anonymous pages that only one
        process maps, and pages of files, told apart by file and offset."""
        anonymous, files = set(), set()
        for space in self.spaces:
            for page in space.pages:
                names = self.resident.get(page.identity)
                if names == ["private"]:
                    anonymous.add(page.identity)
                elif names and page.mapping.file[1] != "0":
                    mapping = page.mapping
                    if not self.flags[page.identity] & ANONYMOUS:
                        files.add((mapping.file, page.address - mapping.start + mapping.offset))
        return len(anonymous) + len(files)

    def differing(self):
        """Over the addresses of each image, the different pages less one."""
        found = defaultdict(set)
        for space in self.spaces:
            parent = self.parent_in_image(space)
            for address, (page, _) in space.own.items():
                if parent is None or space.is_related(page, parent):
                    found[space.image, address].add(page.identity)
        return sum(len(identities) - 1 for identities in found.values())

    def could_still_copy(self, swapped_shared):
        """What is needed on top if everybody writes to everything: a copy for each who would make
        one, but for the last of those who share an anonymous page, and what comes from swap space."""
        copies = sum(space.kinds[name] for space in self.spaces for name in COPY_ON_WRITE)
        for identity, names in self.resident.items():
            sharers = names.count("sharedAnonymous")
            if sharers and self.counts[identity] <= sharers:
                copies -= 1
        return copies + swapped_shared + sum(
            1 for space in self.spaces for page in space.pages
            if not page.entry & PRESENT and page.mapping.writable)

    def figures(self):
        def frames(condition):
            return sum(1 for identity, names in self.resident.items()
                       if "zero" not in names and condition(self.flags[identity], names))

        def is_private(flags, names):
            return bool(flags & ANONYMOUS) and names in (["private"], ["onlyProtected"])

        in_swap = sum(swapped_shared_by(self.spaces).values())
        processes = [space.figures(self) for space in self.spaces]
        return {
            "processes": processes,
            "total": {
                "frames": frames(lambda flags, names: True),
                "private": frames(is_private),
                "sharedAnonymous": frames(
                    lambda flags, names: flags & ANONYMOUS and not is_private(flags, names)),
                "files": frames(lambda flags, names: not flags & ANONYMOUS),
                "copyOnWrite": frames(lambda flags, names: set(names) & set(COPY_ON_WRITE)),
                "swap": in_swap + len(
                    {identity for identity in self.references if identity & SWAPPED}),
                "naive": sum(process["resident"] for process in processes),
                "differing": self.differing(),
                "couldStillCopy": self.could_still_copy(in_swap),
                "certain": self.certain(),
            },
        }


def same_space(left, right):
    """Whether two processes have one address space (CLONE_VM); as kcmp(2) says with KCMP_VM."""
    number = {"x86_64": 312, "aarch64": 272}[platform.machine()]
    return ctypes.CDLL(None).syscall(number, left, right, 1, 0, 0) == 0


def swapped_shared(pid):
    """The pages of shared memory in swap space by mapped file and place in it. No page table shows
    them: this is what smaps says."""
    found = {}
    with open(f"/proc/{pid}/smaps", errors="surrogateescape") as lines:
        for line in lines:
            words = line.split()
            if not words[0].endswith(":"):
                key = (*words[3:5], words[2], words[0])
                is_shared = words[1][3] == "s"
            elif words[0] == "Swap:" and is_shared and words[1] != "0":
                start, end = (int(number, 16) for number in key[3].split("-"))
                found[key[:3] + (end - start,)] = int(words[1]) * 1024 // PAGE
    return found


def swapped_shared_by(spaces):
    """The same of several processes: what they map in the same way counts once."""
    found = {}
    for space in spaces:
        for key, count in space.swapped_shared.items():
            found[key] = max(count, found.get(key, 0))
    return found


def rollup(pid):
    """What the kernel adds up itself, in bytes."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return {name: int(amount) * 1024
                for name, amount in re.findall(r"(?m)^(\w+): +(\d+) kB$", lines.read())}


if __name__ == "__main__":
    json.dump(Tree([int(pid) for pid in sys.argv[1:]]).figures(), sys.stdout)
