#pragma once

#include "runtime/base/array.h"
#include "runtime/base/kinds.h"

namespace linnet {

/// Labels of a classifier, one for each column of what encode puts out first, in their order;
/// terminated, in the mapped file.
struct Classifier {
  Array<const char*> labels;
  LabelFunction function = LabelFunction::softmax;
};

}  // namespace linnet
