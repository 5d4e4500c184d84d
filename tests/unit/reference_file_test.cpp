#include "tools/linnet/reference_file.h"

#include <doctest/doctest.h>

#include <array>

#include "tests/unit/safetensors_builder.h"
#include "tests/unit/temp_folder.h"

namespace linnet::cli {
namespace {

/// ids [3] of 32 bits, wide [3] of 64, logits [3, 2].
std::string reference_bytes() {
  const std::array<int32_t, 3> ids = {1, 2, 300};
  const std::array<int64_t, 3> wide = {4, 5, 70'000};
  const std::array<float, 6> logits = {0, 1, 2, 3, 4, 5};
  const std::string data =
      test::bytes_of_all(ids) + test::bytes_of_all(wide) + test::bytes_of_all(logits);
  const std::string header = "{" + test::header_entry("input_ids", "I32", "[3]", "[0,12]") + "," +
                             test::header_entry("text_ids", "I64", "[3]", "[12,36]") + "," +
                             test::header_entry("logits", "F32", "[3,2]", "[36,60]") + "}";
  return test::safetensors(header, data);
}

}  // namespace

TEST_CASE("a reference gives ids of either width and values") {
  const test::TempFolder folder;
  ReferenceFile reference(folder.write("expected.safetensors", reference_bytes()));
  CHECK(reference.has("logits"));
  CHECK_FALSE(reference.has("greedy_ids"));
  CHECK(reference.ids("input_ids") == std::vector<int32_t>{1, 2, 300});
  CHECK(reference.unread() == std::vector<std::string>{"logits", "text_ids"});
  CHECK(reference.ids("text_ids") == std::vector<int32_t>{4, 5, 70'000});
  CHECK(reference.matrix("logits", 3, 2) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(reference.unread().empty());
}

TEST_CASE("a reference of another shape or type is refused by name") {
  const test::TempFolder folder;
  ReferenceFile reference(folder.write("expected.safetensors", reference_bytes()));
  CHECK_FAILS_WITH(reference.matrix("logits", 3, 5), "logits is [3, 2], wanted [3, 5]");
  CHECK_FAILS_WITH(reference.ids("logits"), "wanted token ids");
  CHECK_FAILS_WITH(reference.ids("missing"), "missing");
  CHECK_FAILS_WITH(ReferenceFile(folder.file("none.safetensors")), "none.safetensors");
}

}  // namespace linnet::cli
