// Stands in for libFuzzer where the compiler has none: runs a target over all files that it is
// given, and over so many changes of each, which are the same with every run.
//
//   linnet_fuzz_TARGET [--changes=N] FILE-OR-FOLDER...
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/temp_folder.h"

// Weak, since few targets have one. NOLINTNEXTLINE(readability-redundant-declaration)
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t*, size_t, size_t, unsigned);

namespace {

namespace fs = std::filesystem;

std::mt19937 random_numbers;

std::vector<std::string> files_below(const std::string& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// A copy in a block of its own, so that a read behind it is seen.
void run(const std::string& input) {
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void change_and_run(const std::string& input, unsigned seed) {
  random_numbers.seed(seed);
  std::vector<uint8_t> bytes(input.begin(), input.end());
  const size_t room = bytes.size() + 64;
  bytes.resize(room);
  size_t size = input.size();
  for (unsigned mutations = 1 + seed % 3; mutations > 0; --mutations) {
    size = LLVMFuzzerCustomMutator != nullptr
               ? LLVMFuzzerCustomMutator(bytes.data(), size, room, seed + mutations)
               : LLVMFuzzerMutate(bytes.data(), size, room);
  }
  run(std::string(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
}

}  // namespace

size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  if (size == 0) return 0;
  const size_t at = random_numbers() % size;
  const size_t count = std::min<size_t>(1 + random_numbers() % 8, size - at);
  switch (random_numbers() % 5) {
    case 0:
      data[at] = static_cast<uint8_t>(data[at] ^ (1U << random_numbers() % 8));
      return size;
    case 1:
      data[at] = static_cast<uint8_t>(random_numbers());
      return size;
    case 2:
      std::memset(data + at, static_cast<int>(random_numbers() % 2) * 0xff, count);
      return size;
    case 3:  // bytes said twice
      if (size + count > max_size) return at;
      std::memmove(data + at + count, data + at, size - at);
      return size + count;
    default:
      std::memmove(data + at, data + at + count, size - at - count);
      return size - count;
  }
}

namespace {

struct Options {
  unsigned changes = 0;
  std::vector<std::string> inputs;
};

Options parse(int argc, char** argv) {
  const std::string changes = "--changes=";
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with(changes)) {
      options.changes = static_cast<unsigned>(std::stoul(argument.substr(changes.size())));
    } else {
      for (const std::string& file : files_below(argument))
        options.inputs.push_back(linnet::test::read_file(file));
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  for (const std::string& input : options.inputs) {
    run(input);
    for (unsigned seed = 0; seed < options.changes; ++seed) change_and_run(input, seed);
  }
  std::printf("%zu inputs and %u changes of each\n", options.inputs.size(), options.changes);
  return options.inputs.empty() ? 1 : 0;  // a test without inputs tests nothing
}
