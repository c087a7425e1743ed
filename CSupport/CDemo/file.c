#define _GNU_SOURCE
#include "cdemo_file.h"

#include <fcntl.h>

const int cdemo_nameless_file = O_TMPFILE;
