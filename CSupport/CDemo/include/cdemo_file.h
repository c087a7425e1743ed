#ifndef CDEMO_FILE_H
#define CDEMO_FILE_H

/// O_TMPFILE (open(2)), which is behind _GNU_SOURCE.
extern const int cdemo_nameless_file;

#endif
