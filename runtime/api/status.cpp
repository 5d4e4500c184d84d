#include <linnet/linnet.h>

#include <cstdio>

#include "runtime/api/handles.h"

namespace linnet {

linnet_status report(const Status& status, linnet_message* why) {
  if (why != nullptr) std::snprintf(why->text, sizeof why->text, "%s", status.message());
  return status.code();
}

}  // namespace linnet

extern "C" {

const char* linnet_version(void) { return LINNET_VERSION; }

const char* linnet_status_name(linnet_status status) {
  switch (status) {
    case LINNET_OK:
      return "ok";
    case LINNET_INVALID_ARGUMENT:
      return "invalid argument";
    case LINNET_IO_ERROR:
      return "input or output error";
    case LINNET_INVALID_MODEL:
      return "invalid model";
    case LINNET_UNSUPPORTED:
      return "unsupported";
    case LINNET_OUT_OF_MEMORY:
      return "out of memory";
    case LINNET_CANCELLED:
      return "cancelled";
    case LINNET_INTERNAL:
      return "internal error";
  }
  return "unknown status";
}

}  // extern "C"
