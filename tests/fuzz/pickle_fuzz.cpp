// The pickle of a checkpoint by itself: its bytes are not behind a zip file's sizes and offsets
// here, which few changes leave valid.
#include <stdexcept>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"
#include "tools/convert/formats/pickle_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    linnet::convert::read_pickled_tensors({reinterpret_cast<const char*>(data), size}, "pickle");
  } catch (const std::runtime_error&) {  // refused with a message
  }
  return 0;
}
