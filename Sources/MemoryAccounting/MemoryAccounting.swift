// Who shares which page of memory with whom: the library behind `cow stat`.
