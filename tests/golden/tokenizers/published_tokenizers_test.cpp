// Whole published tokenizers against ids that Hugging Face's tokenizers computed. The files are
// other people's, so that they lie outside: LINNET_GOLDEN_DIR names the folder that holds
// tokenizers/NAME/tokenizer.json and cases.json.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"
#include "tools/convert/formats/json_file.h"
#include "tools/convert/tokenizers/hf_tokenizer.h"

namespace linnet {
namespace {

constexpr uint64_t kMostFileBytes = 1 << 28;

std::vector<int32_t> encode(const Tokenizer& tokenizer, const std::string& text, bool special) {
  List<int32_t> ids;
  REQUIRE(!tokenizer.encode(text, special, ids).failed());
  return {ids.begin(), ids.end()};
}

std::string decode(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool special) {
  List<char> bytes;
  List<char> text;
  REQUIRE(!tokenizer.decode(ids, special, bytes).failed());
  REQUIRE(append_repaired_utf8({bytes.data(), bytes.size()}, text));
  return {text.begin(), text.end()};
}

void check_cases(const std::filesystem::path& folder) {
  const auto tables = convert::read_hf_tokenizer(folder.string());
  const TokenizerData data = tables.view();
  Tokenizer tokenizer;
  const Status status = tokenizer.open(data);
  INFO(status.message());
  REQUIRE(!status.failed());
  const auto cases = convert::read_json((folder / "cases.json").string(), kMostFileBytes);
  for (const auto& row : cases) {
    const auto text = row.at("text").get<std::string>();
    const auto ids = row.at("ids").get<std::vector<int32_t>>();
    const auto special_ids = row.at("ids_special").get<std::vector<int32_t>>();
    INFO(text);
    CHECK(encode(tokenizer, text, false) == ids);
    CHECK(encode(tokenizer, text, true) == special_ids);
    CHECK(decode(tokenizer, ids, true) == row.at("decoded").get<std::string>());
    CHECK(decode(tokenizer, special_ids, false) == row.at("decoded_special").get<std::string>());
  }
  MESSAGE(folder.filename().string() << ": " << cases.size() << " texts");
}

/// Other people's files, which lie where LINNET_GOLDEN_DIR says; without it the tests are skipped.
std::filesystem::path golden_folder() {
  const char* folder = std::getenv("LINNET_GOLDEN_DIR");
  return folder == nullptr ? std::filesystem::path() : std::filesystem::path(folder) / "tokenizers";
}

}  // namespace

TEST_CASE("published tokenizers give the ids and texts of Hugging Face's" *
          doctest::skip(golden_folder().empty())) {
  const auto folder = golden_folder();
  for (const char* name : {"gpt2", "qwen3", "llama3", "bert-base-uncased", "t5", "llama2"}) {
    INFO(std::string(name));
    check_cases(folder / name);
  }
}

}  // namespace linnet
