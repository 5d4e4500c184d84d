#include <linnet/measure.h>

#include "runtime/ops/parallel.h"

extern "C" {

uint64_t linnet_fork_joins(void) { return linnet::fork_joins; }

}  // extern "C"
