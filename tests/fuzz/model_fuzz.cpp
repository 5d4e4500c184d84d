// A .linnet file: opened, and all that the interface offers done with it.
#include <cstring>
#include <random>
#include <vector>

#include "tests/fuzz/aligned_copy.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/header_fields.h"
#include "tests/fuzz/run_model.h"

namespace {

using linnet::fuzz::HeaderField;

/// A number that a field of this many bytes may lie with.
uint64_t lie(uint64_t old, std::mt19937& random) {
  const uint64_t lies[] = {0,           1,
                           old + 1,     old - 1,
                           old * 2,     old / 2,
                           ~uint64_t{}, ~uint64_t{} >> 1,
                           0x7fffffff,  0x80000000,
                           0xffff,      random() % 256,
                           0 - old,     old ^ (uint64_t{1} << random() % 64)};
  return lies[random() % std::size(lies)];
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const linnet::fuzz::AlignedCopy file(data, size);
  (void)linnet::fuzz::run_model(file.span());
  return 0;
}

/// Most bytes of a header cannot be changed without the whole being refused at once: half of the
/// time numbers in it are changed, where the schema knows them to be.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  static const linnet::fuzz::HeaderSchema schema;
  std::mt19937 random(seed);
  if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::vector<HeaderField> fields =
      schema.fields_of({reinterpret_cast<std::byte*>(data), size}, linnet::fuzz::Names::left_out);
  if (fields.empty()) return LLVMFuzzerMutate(data, size, max_size);
  for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
    const HeaderField& field = fields[random() % fields.size()];
    uint64_t value = 0;
    std::memcpy(&value, data + field.at, field.bytes);
    value = lie(value, random);
    std::memcpy(data + field.at, &value, field.bytes);
  }
  return size;
}
