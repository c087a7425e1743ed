// Copy-on-write snapshots of the memory that an application names.
