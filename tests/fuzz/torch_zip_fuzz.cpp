// A zip file of torch.save: its directory, its pickle, and the values of its tensors.
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/stored_tensors.h"
#include "tools/convert/formats/torch_zip.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const linnet::fuzz::MemoryFile memory(data, size);
  try {
    linnet::convert::InputFile file(memory.path());
    auto tensors = linnet::convert::read_torch_zip(file);
    linnet::fuzz::read_values(std::move(file), std::move(tensors));
  } catch (const std::runtime_error&) {  // refused with a message
  }
  return 0;
}
