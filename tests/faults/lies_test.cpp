// A valid model file in which every number of the header lies, one at a time: each is refused with
// a message or runs within its bounds, which the sanitizers' build proves, and none makes the
// runtime ask for more memory than the file's size justifies.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "schema/linnet_objects_generated.h"
#include "tests/faults/faults.h"
#include "tests/fuzz/aligned_copy.h"
#include "tests/fuzz/header_fields.h"
#include "tests/fuzz/model_segments.h"
#include "tests/fuzz/run_model.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/linnet/pack_model.h"

namespace linnet::test {
namespace {

using fuzz::AlignedCopy;
using fuzz::FieldKind;
using fuzz::HeaderField;

struct Case {
  const char* checkpoint;
  const char* weights;
  const char* tokenizer;  ///< below tests/fuzz/seeds/tokenizer, or ""
  bool packs = false;     ///< the matrices are there for this machine alone
};

// Together they have every part of a header: states of every kind, both entry points, views,
// scales, packed matrices, labels, and the tables of every tokenizer.
constexpr Case cases[] = {{"variants/gla_hybrid", "int8", "byte_level.json"},
                          {"variants/kda_no_conv", "int4", "characters.json", true},
                          {"variants/ulmfit_single", "f32", "rwkv_vocab.txt"},
                          {"variants/seq2seq/t5_1_1", "f16", "unigram.json"},
                          {"encoders/bert_labels_multi", "f32", "word_piece.json", true}};

std::string model_file(const Case& from) {
  const TempFolder folder;
  const std::string path = folder.file("model.linnet");
  std::string tokenizer = from.tokenizer;
  if (!tokenizer.empty()) tokenizer.insert(0, LINNET_TEST_DIR "/fuzz/seeds/tokenizer/");
  convert::convert({.checkpoint = std::string(LINNET_TEST_DIR "/golden/") + from.checkpoint,
                    .output = path,
                    .weights = from.weights,
                    .vocabulary = tokenizer});
  if (from.packs) cli::pack_model({.input = path, .output = path, .keep_plain = false});
  return read_file(path);
}

/// What a field of so many bytes may claim in place of `old`.
std::set<uint64_t> claims(uint64_t old, size_t bytes) {
  const uint64_t most = bytes == 8 ? ~uint64_t{} : (uint64_t{1} << 8 * bytes) - 1;
  std::set<uint64_t> values;
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, old + 1, old - 1, old * 2, most, most / 2,
                               most / 2 + 1, most - old, uint64_t{1} << (4 * bytes)}) {
    values.insert(value & most);
  }
  values.erase(old);
  return values;
}

/// What a file of this size may make the runtime ask for: matrices are packed beside the file, some
/// of them with padding, small ones of a file several times; each table of the header becomes
/// objects of ours; a session's block is what linnet_session_bytes said, which the caller knows.
uint64_t justified_bytes(size_t file_bytes) {
  constexpr uint64_t own_needs = uint64_t{16} << 20;
  return own_needs + 64 * uint64_t{file_bytes} + fuzz::runnable_bytes;
}

/// The file loaded and, should it pass, run; "" or why not.
std::string run_watched(const AlignedCopy& file) {
  const faults::Watch watch;
  std::string why = fuzz::run_model(file.span());
  CHECK(watch.requests().live == 0);
  CHECK(watch.requests().bytes < justified_bytes(file.size()));
  return why;
}

uint64_t on_page(uint64_t bytes) { return (bytes + 16383) / 16384 * 16384; }

/// With every field of every table there, those that have their defaults too.
std::string header_of(const objects::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.ForceDefaults(true);
  objects::FinishSizePrefixedModelBuffer(builder, objects::Model::Pack(builder, &model));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

/// The file with another header, whose size does not depend on what it says of places.
std::string with_header(const std::string& file, objects::ModelT& model) {
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), sizeof header_bytes);
  const uint64_t start = on_page(header_bytes + sizeof header_bytes);
  const uint64_t new_start = on_page(header_of(model).size());
  std::vector<objects::Segment*> segments = fuzz::weight_segments(model);
  const std::vector<objects::Segment*> tables = fuzz::tokenizer_segments(model);
  segments.insert(segments.end(), tables.begin(), tables.end());
  for (objects::Segment* segment : segments) {
    *segment = objects::Segment(segment->offset() - start + new_start, segment->size());
  }
  std::string whole = header_of(model);
  whole.resize(new_start);
  return whole + file.substr(start);
}

/// A Linear operator on what the first operator writes, with a matrix at `place`.
void add_matrix(objects::ModelT& model, int32_t rows, const objects::Segment& place) {
  objects::EntryPointT& entry = *model.entry_points.front();
  const int32_t input = entry.operators.front()->outputs.front();
  const std::vector<int32_t> shape = model.tensors[static_cast<size_t>(input)]->shape;
  auto weight = std::make_unique<objects::TensorT>();
  weight->name = "w" + std::to_string(model.tensors.size());
  weight->shape = {rows, shape.at(1)};
  weight->data = std::make_unique<objects::Segment>(place);
  auto output = std::make_unique<objects::TensorT>();
  output->name = "y" + std::to_string(model.tensors.size());
  output->storage = objects::Storage::activation;
  output->shape = {shape.at(0), rows};
  auto product = std::make_unique<objects::OperatorT>();
  product->name = weight->name;
  product->attributes.Set(objects::LinearT());
  const auto next = static_cast<int32_t>(model.tensors.size());
  product->inputs = {input, next, -1};
  product->outputs = {next + 1};
  model.tensors.push_back(std::move(weight));
  model.tensors.push_back(std::move(output));
  entry.operators.push_back(std::move(product));
}

/// The file with so many matrices more, all of them in one place of it.
std::string with_matrices(std::string file, size_t count) {
  objects::ModelT model;
  objects::GetSizePrefixedModel(file.data())->UnPackTo(&model);
  constexpr int32_t rows = 20'000;
  const int32_t input = model.entry_points[0]->operators[0]->outputs[0];
  const auto columns = static_cast<uint64_t>(model.tensors[static_cast<size_t>(input)]->shape[1]);
  const uint64_t place = on_page(file.size());
  file.resize(place + rows * columns * sizeof(float));
  for (size_t i = 0; i < count; ++i) {
    add_matrix(model, rows, objects::Segment(place, file.size() - place));
  }
  return with_header(file, model);
}

}  // namespace

TEST_CASE("every number of a header may lie") {
  const fuzz::HeaderSchema schema;
  for (const Case& from : cases) {
    const std::string plain = model_file(from);
    objects::ModelT model;
    objects::GetSizePrefixedModel(plain.data())->UnPackTo(&model);
    const std::string file = with_header(plain, model);
    AlignedCopy copy(file.data(), file.size());
    REQUIRE(fuzz::run_model(copy.span()).empty());  // what is made once for the process
    REQUIRE(run_watched(copy).empty());
    const std::vector<HeaderField> fields = schema.fields_of(copy.span());
    REQUIRE(fields.size() > 400);
    size_t refused = 0;
    for (const HeaderField& field : fields) {
      uint64_t old = 0;
      std::memcpy(&old, copy.data() + field.at, field.bytes);
      for (const uint64_t claim : claims(old, field.bytes)) {
        INFO(from.checkpoint << ": " << field.name << " claims " << claim << " instead of " << old);
        std::memcpy(copy.data() + field.at, &claim, field.bytes);
        refused += run_watched(copy).empty() ? 0 : 1;
      }
      std::memcpy(copy.data() + field.at, &old, field.bytes);
    }
    CHECK(refused > fields.size());
    CHECK(run_watched(copy).empty());  // all was put back
  }
}

TEST_CASE("matrices that share a place of the file take no more memory than its size justifies") {
  const std::string file = model_file({"variants/ulmfit_single", "f32", ""});
  const std::string few = with_matrices(file, 2);
  CHECK(run_watched(AlignedCopy(few.data(), few.size())).empty());
  const std::string many = with_matrices(file, 500);
  CHECK(many.size() < 2 * few.size());
  const std::string why = run_watched(AlignedCopy(many.data(), many.size()));
  CHECK(why.find("justify") != std::string::npos);
}

TEST_CASE("a file may end anywhere") {
  const std::string file = model_file(cases[0]);
  uint32_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<size_t> sizes;
  for (size_t size = 0; size < header + 64; size += size < 128 ? 1 : 13) sizes.push_back(size);
  for (size_t size = header; size < file.size(); size += 61) sizes.push_back(size);
  sizes.push_back(file.size() - 1);
  for (const size_t size : sizes) {
    CAPTURE(size);
    CHECK(!run_watched(AlignedCopy(file.data(), size)).empty());
  }
}

}  // namespace linnet::test
