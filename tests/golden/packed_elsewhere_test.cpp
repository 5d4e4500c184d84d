// Models that are packed on one machine for another: packed by the program that LINNET_HOST_PROGRAM
// names, such as that of an x86 build, or else by an emulated one; run on emulated processors.
#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/golden/program.h"
#include "tests/unit/temp_folder.h"

namespace linnet::test {
namespace {

// Small enough for an emulator; it has matrices of every kind.
const std::string checkpoint = LINNET_TEST_DIR "/golden/hf/qwen3_5_text";

#if defined(__aarch64__)
constexpr const char* processors[] = {"cortex-a53", "neoverse-n1", "max"};
#else
constexpr const char* processors[] = {"cortex-a7", "max"};
#endif

/// What QEMU emulates in the programs that are started while this lives.
class EmulatedProcessor {
 public:
  explicit EmulatedProcessor(const char* name) {
    const char* before = std::getenv(variable);
    if (before != nullptr) before_ = before;
    setenv(variable, name, /*overwrite=*/1);
  }
  EmulatedProcessor(const EmulatedProcessor&) = delete;
  EmulatedProcessor& operator=(const EmulatedProcessor&) = delete;
  ~EmulatedProcessor() {
    if (before_.empty()) {
      unsetenv(variable);
    } else {
      setenv(variable, before_.c_str(), /*overwrite=*/1);
    }
  }

 private:
  static constexpr const char* variable = "QEMU_CPU";
  std::string before_;
};

std::string output_of(std::vector<std::string> command) {
  const Finished finished = RunningProgram(std::move(command), "").finish();
  INFO(finished.output << "\n" << finished.errors);
  REQUIRE(finished.exit_code == 0);
  return finished.output;
}

/// How far from the reference the model's logits and greedy tokens are, in all digits.
std::string difference_of(const std::string& model) {
  const Finished finished =
      run_linnet({"diff", model, checkpoint + "/expected.safetensors", "--json"});
  INFO(finished.errors);
  REQUIRE_FALSE(finished.output.empty());
  auto report = nlohmann::json::parse(finished.output);
  CHECK(report.contains("greedy_agreement"));
  report.erase("model");
  return report.dump();
}

size_t packed_when_opened(const std::string& model) {
  const auto report = nlohmann::json::parse(output_of({LINNET_BINARY, "inspect", model, "--json"}));
  return report.at("memory").at("packed_bytes");
}

}  // namespace

TEST_CASE("a model packed for phones packs nothing on any of them, and computes the same" *
          doctest::skip(!LINNET_EMULATED)) {
  const char* host_program = std::getenv("LINNET_HOST_PROGRAM");
  const std::string packer = host_program != nullptr ? host_program : LINNET_BINARY;
  MESSAGE("packed by ", packer);
  const TempFolder folder;
  const std::string plain = folder.file("plain.linnet");
  const std::string packed = folder.file("packed.linnet");
  for (const char* weights : {"f32", "int8", "int4"}) {
    CAPTURE(weights);
    output_of({packer, "convert", checkpoint, "-o", plain, "--weights", weights});
    output_of(
        {packer, "pack", plain, "-o", packed, "--for", "arm64,arm64-dotprod,arm64-i8mm,armv7"});
    for (const char* processor : processors) {
      CAPTURE(processor);
      const EmulatedProcessor emulated(processor);
      CHECK(packed_when_opened(packed) == 0);
      CHECK(packed_when_opened(plain) > 0);
      CHECK(difference_of(packed) == difference_of(plain));
    }
  }
}

TEST_CASE("a model packed for another processor is refused" * doctest::skip(!LINNET_EMULATED)) {
  const TempFolder folder;
  const std::string plain = folder.file("plain.linnet");
  const std::string packed = folder.file("packed.linnet");
  output_of({LINNET_BINARY, "convert", checkpoint, "-o", plain, "--weights", "int4"});
  output_of({LINNET_BINARY, "pack", plain, "-o", packed, "--for", "x86-64-avx2"});
  const Finished finished = run_linnet({"inspect", packed});
  CHECK(finished.exit_code == 1);
  CHECK(finished.errors.find("packed for x86-64-avx2 only") != std::string::npos);
}

}  // namespace linnet::test
