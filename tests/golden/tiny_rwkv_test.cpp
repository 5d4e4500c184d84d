// Trained models of a few hundred thousand parameters, RWKV-4 to 7, against logits of ChatRWKV.
// They are other people's, so that they lie outside: LINNET_GOLDEN_DIR names the folder that holds
// ref/tiny_rwkv_*.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/golden/program.h"

namespace linnet::test {
namespace {

constexpr const char* models[] = {"tiny_rwkv_4v0", "tiny_rwkv_5v1", "tiny_rwkv_5v2",
                                  "tiny_rwkv_7v0"};

}  // namespace

TEST_CASE("published tiny RWKV models reproduce their logits and greedy tokens") {
  const char* golden = std::getenv("LINNET_GOLDEN_DIR");
  if (golden == nullptr) {
    MESSAGE("skipped: LINNET_GOLDEN_DIR is not set");
    return;
  }
  const TempFolder folder;
  const std::string model = folder.file("model.linnet");
  for (const std::string name : models) {
    CAPTURE(name);
    const std::filesystem::path source = std::filesystem::path(golden) / "ref" / name;
    const Finished converted = run_linnet({"convert", source.string(), "-o", model});
    REQUIRE_MESSAGE(converted.exit_code == 0, converted.errors);
    const Finished compared =
        run_linnet({"diff", model, (source / "expected.safetensors").string()});
    CHECK_MESSAGE(compared.exit_code == 0, compared.output);
  }
}

}  // namespace linnet::test
