#pragma once

#include "runtime/base/status.h"

namespace linnet {

/// Makes XNNPACK ready, with all its operators in memory of allocate_memory's; cheap after the
/// first time. From any thread.
Status initialize_xnnpack();

}  // namespace linnet
