@usableFromInline
@inline(never)
func trapOutside(_ offset: Int, _ count: Int, _ byteCount: Int) -> Never {
  trap(
    "\(count) bytes at offset \(offset) are not inside the heap's \(byteCount): it is damaged, or the "
      + "offset is none of this heap")
}

@usableFromInline
@inline(never)
func trapMisaligned(_ offset: Int, _ alignment: Int) -> Never {
  trap("offset \(offset) is not aligned to \(alignment): the heap is damaged")
}
