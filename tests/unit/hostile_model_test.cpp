// Damaged and lying model files: each either fails with a message or runs within its bounds, which
// the sanitizer build proves.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <linnet/linnet.hpp>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tests/unit/temp_folder.h"

namespace {

using linnet::Model;
using linnet::Session;
using linnet::test::GoldenModel;

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};

/// A copy of a model file in a heap block of just its size, so that a read behind it is seen.
class FileCopy {
 public:
  explicit FileCopy(const std::string& bytes) : size_(bytes.size()) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, bytes.size() + bytes.empty()) != 0) throw std::bad_alloc();
    bytes_.reset(static_cast<std::byte*>(memory));
    std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  }
  std::byte& operator[](size_t i) { return bytes_.get()[i]; }
  std::span<const std::byte> first(size_t size) const { return {bytes_.get(), size}; }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte, FreeMemory> bytes_;
  size_t size_;
};

/// Opens the bytes and, should they pass, runs a few tokens. Returns why not, or "".
std::string try_to_run(std::span<const std::byte> bytes) {
  Model model;
  const auto opened = model.borrow(bytes);
  if (!opened.ok()) return opened.message();
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = model.describe().has_encoder ? 8 : 4;
  options.context = 8;
  linnet_memory memory = {};
  const auto planned = model.session_bytes(options, &memory);
  if (!planned.ok()) return planned.message();
  constexpr uint64_t runnable_bytes = 1 << 26;
  if (memory.total_bytes > runnable_bytes) return "";
  Session session;
  const auto started = session.open(model, options);
  if (!started.ok()) return started.message();
  const int32_t tokens[] = {1, 2, 3, 4, 5};
  std::vector<float> logits(std::size(tokens) * model.describe().vocabulary);
  const auto ran = session.run(tokens, logits.data());
  return ran.ok() ? "" : ran.message();
}

// Every kind of operator and state.
const char* const cases[] = {"golden/hf/mamba",
                             "golden/hf/minimax",
                             "golden/hf/qwen3_5_text",
                             "golden/hf/recurrent_gemma",
                             "golden/hf/xlstm",
                             "golden/ref/fla_gsa",
                             "golden/ref/fwp_delta",
                             "golden/ref/performer",
                             "golden/ref/rwkv7_pth",
                             "golden/ref/performer_encoder",
                             "golden/ref/ulmfit_lm",
                             "golden/variants/gla_hybrid",
                             "golden/variants/linear_attn_elu",
                             "golden/variants/rwkv4_pth"};

uint32_t header_bytes(const std::string& file) {
  uint32_t size = 0;
  std::memcpy(&size, file.data(), sizeof size);
  return size + sizeof size;
}

}  // namespace

TEST_CASE("the undamaged file runs") {
  for (const char* name : cases) {
    const GoldenModel golden(name, "f32");
    const std::string file = linnet::test::read_file(golden.path());
    const FileCopy copy(file);
    CHECK(try_to_run(copy.first(copy.size())).empty());
  }
}

TEST_CASE("a file that is not a model, or is empty, is refused by name") {
  linnet::test::TempFolder folder;
  Model model;
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(4096, '\0')}) {
    const std::string path = folder.write("broken.linnet", bytes);
    const auto result = model.open(path.c_str());
    CHECK_FALSE(result.ok());
    CHECK(std::string(result.message()).find("broken.linnet") != std::string::npos);
  }
  const auto missing = model.open(folder.file("missing.linnet").c_str());
  CHECK(missing.status == LINNET_IO_ERROR);
  CHECK(std::string(missing.message()).find("missing.linnet") != std::string::npos);
}

TEST_CASE("a file cut short anywhere is refused with a message") {
  const GoldenModel golden(cases[0], "int8");
  const std::string file = linnet::test::read_file(golden.path());
  std::vector<size_t> sizes = {0, 1, 4, 8, 11, 12, 64};
  for (size_t size = 100; size < file.size(); size += 997) sizes.push_back(size);
  for (const size_t size : sizes) {
    CAPTURE(size);
    const FileCopy copy(file.substr(0, size));
    CHECK_FALSE(try_to_run(copy.first(size)).empty());
  }
}

TEST_CASE("a newer major version is refused and both versions are named") {
  const GoldenModel golden(cases[0], "f32");
  std::string file = linnet::test::read_file(golden.path());
  // The version is the only 16-bit 1 that the reader looks at first: find it by trying.
  bool was_refused = false;
  for (size_t i = 12; i < 200 && !was_refused; ++i) {
    FileCopy copy(file);
    if (copy[i] != std::byte{1}) continue;
    copy[i] = std::byte{9};
    const std::string why = try_to_run(copy.first(copy.size()));
    was_refused =
        why.find("version 9.") != std::string::npos && why.find("up to 1") != std::string::npos;
  }
  CHECK(was_refused);
}

TEST_CASE("two matrices of different shapes may lie at one place of the file") {
  const GoldenModel golden("golden/ref/rwkv7_pth", "f32");
  std::string file = linnet::test::read_file(golden.path());
  // A segment is {offset, size}: let channel.value, [64, 256], lie where channel.key, [256, 64],
  // does.
  constexpr uint64_t bytes = 64 * 256 * 4;
  std::vector<size_t> segments;
  const uint32_t header = header_bytes(file);
  for (size_t i = 0; i + 16 <= header; i += 4) {
    uint64_t words[2];
    std::memcpy(words, &file[i], sizeof words);
    if (words[1] == bytes && words[0] >= header && words[0] % 64 == 0) segments.push_back(i);
  }
  REQUIRE(segments.size() >= 2);
  for (size_t i = 1; i < segments.size(); ++i) {
    FileCopy copy(file);
    std::memcpy(&copy[segments[i]], &file[segments[0]], sizeof(uint64_t));
    CHECK(try_to_run(copy.first(copy.size())) == "");
  }
}

TEST_CASE("a model that starts at an odd place of a file is refused, at an even one it opens") {
  const GoldenModel golden(cases[0], "f32");
  const std::string file = linnet::test::read_file(golden.path());
  linnet::test::TempFolder folder;
  for (const size_t offset : {64, 100, 4096}) {
    const std::string path = folder.write("package", std::string(offset, 'x') + file);
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(descriptor >= 0);
    Model model;
    const auto result = model.open_fd(descriptor, offset, file.size());
    close(descriptor);
    CHECK(result.ok() == (offset % 64 == 0));
    if (!result.ok())
      CHECK(std::string(result.message()).find("multiple of 64") != std::string::npos);
  }
}

TEST_CASE("any changed header byte is refused or runs within bounds") {
  std::mt19937 random(7);
  size_t refused = 0;
  for (const char* name : cases) {
    const GoldenModel golden(name, "int8");
    const std::string file = linnet::test::read_file(golden.path());
    FileCopy copy(file);
    const uint32_t header = header_bytes(file);
    for (size_t i = random() % 16; i < header; i += 1 + random() % 32) {
      const std::byte original = copy[i];
      copy[i] = static_cast<std::byte>(random());
      refused += !try_to_run(copy.first(copy.size())).empty();
      copy[i] = original;
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("any header word that claims too much is refused or runs within bounds") {
  std::mt19937 random(11);
  size_t refused = 0;
  constexpr uint32_t claims[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000};
  for (const char* name : cases) {
    const GoldenModel golden(name, "f32");
    const std::string file = linnet::test::read_file(golden.path());
    FileCopy copy(file);
    const uint32_t header = header_bytes(file);
    for (size_t i = 0; i + 4 <= header; i += 4 * (1 + random() % 12)) {
      uint32_t original = 0;
      std::memcpy(&original, &copy[i], sizeof original);
      const uint32_t claim = claims[random() % std::size(claims)];
      std::memcpy(&copy[i], &claim, sizeof claim);
      refused += !try_to_run(copy.first(copy.size())).empty();
      std::memcpy(&copy[i], &original, sizeof original);
    }
  }
  CHECK(refused > 50);
}
