#pragma once

#include "runtime/base/status.h"

namespace linnet {

inline Status missing_argument() {
  return Status::error(LINNET_INVALID_ARGUMENT, "an argument is NULL");
}

}  // namespace linnet
