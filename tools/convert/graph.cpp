#include "tools/convert/graph.h"

namespace linnet::convert {

std::string shape_text(const Shape& shape) {
  static const char* const kSymbols[] = {"T", "L", "C"};
  std::string text = "[";
  for (int32_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += size >= 0 ? std::to_string(size) : kSymbols[-1 - size];
  }
  return text + "]";
}

uint64_t element_count(const Shape& shape) {
  uint64_t count = 1;
  for (int32_t size : shape) count *= static_cast<uint64_t>(size);
  return count;
}

}  // namespace linnet::convert
