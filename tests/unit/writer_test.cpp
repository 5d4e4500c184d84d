#include "tools/convert/writer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/passes/quantize.h"
#include "tools/convert/tokenizers/byte_tokenizer.h"

namespace linnet::convert {
namespace {

using test::TempFolder;

constexpr int32_t kVocabulary = 256;
constexpr int32_t kWidth = 3;

/// Value (r, c) of the test's table.
float table_value(uint64_t r, uint64_t c) {
  return static_cast<float>(r) - 100.0f * static_cast<float>(c);
}

/// An embedding and a head that shares its table.
Model small_model(WeightFormat format, const RowProducer& rows) {
  Model model;
  GraphBuilder g(model.graph);
  const Value table = g.weight("table", {{kVocabulary, kWidth}, rows}, WeightRole::embedding);
  const Value x = g.embedding("embedding", g.input_tokens(), table);
  g.output(g.linear("logits", g.last_rows("last", x), table));
  model.graph.vocabulary = kVocabulary;
  quantize_weights(model.graph, format);
  model.metadata.name = "small";
  model.generation.end_ids = {7};
  model.tokenizer = byte_tokenizer();
  return model;
}

void fill(uint64_t first, uint64_t count, std::span<float> out) {
  for (uint64_t r = 0; r < count; ++r) {
    for (uint64_t c = 0; c < kWidth; ++c) out[r * kWidth + c] = table_value(first + r, c);
  }
}

const schema::Model* verified(const std::string& file) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  REQUIRE(file.size() > 16384);
  REQUIRE(std::memcmp(bytes + 8, "LNNT", 4) == 0);
  flatbuffers::Verifier verifier(bytes, 16384);
  REQUIRE(schema::VerifySizePrefixedModelBuffer(verifier));
  return schema::GetSizePrefixedModel(bytes);
}

template <typename T>
T value_at(const std::string& file, const schema::Segment* segment, size_t index) {
  T value;
  REQUIRE((index + 1) * sizeof(T) <= segment->size());
  std::memcpy(&value, file.data() + segment->offset() + index * sizeof(T), sizeof(T));
  return value;
}

TEST_CASE("a written file's header verifies and its segments lie where it says") {
  const TempFolder folder;
  const std::string path = folder.file("small.linnet");
  uint64_t last = 0, total = 0;
  const uint64_t bytes =
      write_model(small_model(WeightFormat::f32, fill), path,
                  [&](uint64_t done, uint64_t all) { last = done, total = all; });
  const std::string file = test::read_file(path);
  CHECK(file.size() == bytes);
  CHECK(last == total);
  const schema::Model* model = verified(file);
  CHECK(model->version_major() == 1);
  CHECK(model->metadata()->name()->str() == "small");
  CHECK(model->generation()->end_ids()->Get(0) == 7);

  const schema::Tensor* table = model->tensors()->Get(0);
  CHECK(table->name()->str() == "table");
  CHECK(table->data()->offset() % 16384 == 0);
  CHECK(table->data()->size() == kVocabulary * kWidth * sizeof(float));
  CHECK(value_at<float>(file, table->data(), 5 * kWidth + 2) == table_value(5, 2));

  const schema::Tokenizer* tokenizer = model->tokenizer();
  CHECK(tokenizer->token_offsets()->offset() % 64 == 0);
  CHECK(value_at<uint32_t>(file, tokenizer->token_offsets(), 256) == 256);
  CHECK(value_at<uint8_t>(file, tokenizer->token_bytes(), 200) == 200);
}

TEST_CASE("int8 weights have a scale per row, and a shared table is there once") {
  const TempFolder folder;
  const std::string path = folder.file("small.linnet");
  write_model(small_model(WeightFormat::int8, fill), path);
  const std::string file = test::read_file(path);
  const schema::Model* model = verified(file);
  const schema::Tensor* table = model->tensors()->Get(0);
  CHECK(table->type() == schema::DataType::int8);
  CHECK(table->data()->size() == kVocabulary * kWidth);
  const schema::Tensor* scales = model->tensors()->Get(static_cast<unsigned>(table->scales()));
  for (size_t r : {0, 1, 100, 255}) {
    const float scale = value_at<float>(file, scales->data(), r);
    for (size_t c = 0; c < kWidth; ++c) {
      const float value = scale * value_at<int8_t>(file, table->data(), r * kWidth + c);
      CHECK(std::fabs(value - table_value(r, c)) <= scale * 0.51f);
    }
  }
  for (const schema::Operator* op : *model->entry_points()->Get(0)->operators()) {
    if (op->attributes_type() == schema::Attributes::Linear) CHECK(op->inputs()->Get(1) == 0);
  }
}

TEST_CASE("a failure while weights are made leaves no file and names the tensor") {
  const TempFolder folder;
  const std::string path = folder.file("small.linnet");
  const RowProducer broken = [](uint64_t first, uint64_t count, std::span<float> out) {
    fill(first, count, out);
    out[4] = std::numeric_limits<float>::quiet_NaN();
  };
  CHECK_FAILS_WITH(write_model(small_model(WeightFormat::int8, broken), path),
                   "tensor 'table': row 1 has a value that is not a finite number");
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace linnet::convert
