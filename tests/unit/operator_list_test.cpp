#include "tools/linnet/operator_list.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"

namespace linnet::cli {
namespace {

/// Converts a checkpoint below tests/ to `file`, which it returns.
std::string converted(const std::string& checkpoint, const std::string& weights,
                      const std::string& file) {
  convert::ConvertOptions options;
  options.checkpoint = std::string(LINNET_TEST_DIR) + "/" + checkpoint;
  options.output = file;
  options.weights = weights;
  convert::convert(options);
  return file;
}

bool has_line(const std::string& list, const std::string& line) {
  return list.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a decoder's list has the parts of its tokenizer, and generation") {
  const test::TempFolder folder;
  const std::string list =
      operator_list({converted("models/linnet-4m", "f32", folder.file("decoder.linnet"))});
  for (const char* line : {"operator FastWeight", "weights f32", "text byte_level_bpe",
                           "text patterns", "text normalizers", "text generation"}) {
    CHECK_MESSAGE(has_line(list, line), line);
  }
  CHECK_FALSE(has_line(list, "text unigram"));
  CHECK_FALSE(has_line(list, "text translation"));
  CHECK_FALSE(has_line(list, "weights int8"));
}

TEST_CASE("an encoder without a tokenizer needs no text at all") {
  const test::TempFolder folder;
  const std::string list =
      operator_list({converted("golden/hf/bert_seqcls", "f32", folder.file("encoder.linnet"))});
  CHECK(has_line(list, "operator SoftmaxAttention"));
  CHECK(list.find("\ntext ") == std::string::npos);
}

TEST_CASE("what several models need is listed once") {
  const test::TempFolder folder;
  const std::string list =
      operator_list({converted("models/linnet-4m", "int8", folder.file("decoder.linnet")),
                     converted("golden/hf/marian", "f32", folder.file("marian.linnet"))});
  for (const char* line : {"operator FastWeight", "operator Store", "weights f32", "weights int8",
                           "text generation", "text translation"}) {
    CHECK_MESSAGE(has_line(list, line), line);
    CHECK(list.find(line) == list.rfind(line));
  }
}

}  // namespace linnet::cli
