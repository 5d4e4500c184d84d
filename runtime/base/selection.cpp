#include "runtime/base/selection.h"

namespace linnet {

Status left_out(const char* kind, const char* name) {
  return Status::error(
      LINNET_UNSUPPORTED,
      "needs %s %s, which this build leaves out: build with a "
      "LINNET_OPERATOR_LIST that \"linnet inspect --operators\" made of this model",
      kind, name);
}

}  // namespace linnet
