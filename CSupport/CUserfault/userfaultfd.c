#include "cuserfault_attributes.h"
