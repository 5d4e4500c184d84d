#include "tools/linnet/pack_model.h"

#include <doctest/doctest.h>
#include <linnet/pack.h>

#include <cstring>
#include <filesystem>
#include <linnet/linnet.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schema/linnet_objects_generated.h"
#include "tests/golden/golden_model.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/formats/output_file.h"
#include "tools/linnet/model_file.h"

namespace linnet::cli {
namespace {

namespace fs = std::filesystem;
using test::GoldenModel;
using test::TempFolder;

const GoldenModel& golden(const std::string& weights) {
  static const GoldenModel f32("golden/hf/qwen3_5_text", "f32");
  static const GoldenModel f16("golden/hf/qwen3_5_text", "f16");
  static const GoldenModel int8("golden/hf/qwen3_5_text", "int8");
  static const GoldenModel int4("golden/hf/qwen3_5_text", "int4");
  if (weights == "f16") return f16;
  if (weights == "int8") return int8;
  return weights == "int4" ? int4 : f32;
}

std::vector<float> last_logits(const Model& model, const std::vector<int32_t>& tokens) {
  Session session;
  REQUIRE(session.open(model, linnet_session_options_defaults()).ok());
  std::vector<float> logits(model.describe().vocabulary);
  const auto ran = session.run(tokens, logits.data());
  REQUIRE_MESSAGE(ran.ok(), ran.message());
  return logits;
}

/// Why a file does not open, or "".
std::string why_not(const std::string& path) {
  Model model;
  const auto opened = model.open(path.c_str());
  return opened.ok() ? "" : opened.message();
}

/// Writes the file again with its header changed.
template <typename Change>
void change_header(const std::string& path, const std::string& to, const Change& change) {
  objects::ModelT model;
  objects::GetSizePrefixedModel(ModelFile(path).header_data())->UnPackTo(&model);
  change(model);
  flatbuffers::FlatBufferBuilder builder;
  objects::FinishSizePrefixedModelBuffer(builder, objects::Model::Pack(builder, &model));
  std::string bytes = test::read_file(path);
  REQUIRE(builder.GetSize() <= 16384 * 4);
  std::memcpy(bytes.data(), builder.GetBufferPointer(), builder.GetSize());
  convert::OutputFile file(to);
  file.write(std::as_bytes(std::span(bytes)));
  file.commit();
}

}  // namespace

TEST_CASE("a packed file packs nothing when it opens, and computes the same") {
  for (const std::string weights : {"f32", "f16", "int8", "int4"}) {
    CAPTURE(weights);
    const TempFolder folder;
    const std::string path = folder.file("packed.linnet");
    const PackReport report = pack_model({.input = golden(weights).path(), .output = path});
    CHECK(report.file_bytes == fs::file_size(path));
    CHECK((report.matrices > 0));
    Model model;
    REQUIRE(model.open(path.c_str()).ok());
    CHECK(model.describe().packed_bytes == 0);
    CHECK(last_logits(model, golden(weights).tokens()) ==
          last_logits(golden(weights).model(), golden(weights).tokens()));
  }
}

TEST_CASE("experts and block-diagonal matrices are packed, too") {
  for (const char* folder : {"golden/hf/qwen3_next", "golden/hf/recurrent_gemma"}) {
    for (const char* weights : {"f32", "f16", "int8", "int4"}) {
      CAPTURE(folder);
      CAPTURE(weights);
      const GoldenModel plain(folder, weights);
      const TempFolder temporary;
      const std::string path = temporary.file("packed.linnet");
      pack_model({.input = plain.path(), .output = path});
      Model model;
      const auto opened = model.open(path.c_str());
      REQUIRE_MESSAGE(opened.ok(), opened.message());
      CHECK(model.describe().packed_bytes == 0);
      CHECK(plain.model().describe().packed_bytes > 0);
      CHECK(last_logits(model, plain.tokens()) == last_logits(plain.model(), plain.tokens()));
    }
  }
}

TEST_CASE("the plain form of a packed matrix goes, unless it's wanted or something else reads it") {
  const TempFolder folder;
  const std::string packed = folder.file("packed.linnet");
  const std::string both = folder.file("both.linnet");
  pack_model({.input = golden("int8").path(), .output = packed});
  pack_model({.input = golden("int8").path(), .output = both, .keep_plain = true});
  CHECK(fs::file_size(packed) < fs::file_size(both));
  const ModelFile file(packed);
  size_t kept = 0, gone = 0;
  for (const auto* tensor : *file.header().tensors()) {
    if (tensor->storage() != schema::Storage::weight) continue;
    if (tensor->type() != schema::DataType::int8) continue;
    (tensor->data()->size() == 0 ? gone : kept) += 1;
    if (string_of(tensor->name()) == "embedding.table") CHECK(tensor->data()->size() > 0);
  }
  CHECK(kept == 1);
  CHECK(gone > 0);
  // What a token reads is counted alike.
  CHECK(count_weights(file).bytes_per_token ==
        count_weights(ModelFile(golden("int8").path())).bytes_per_token);
}

TEST_CASE("packing a packed file changes nothing, in place too") {
  const TempFolder folder;
  const std::string path = folder.file("packed.linnet");
  pack_model({.input = golden("int4").path(), .output = path, .keep_plain = true});
  const std::string once = test::read_file(path);
  const PackReport again = pack_model({.input = path, .output = path, .keep_plain = true});
  CHECK(again.matrices == 0);
  CHECK(test::read_file(path) == once);
}

TEST_CASE(
    "packed for another machine: refused with a message, or packed anew from the plain form") {
  const TempFolder folder;
  const auto make_foreign = [](objects::ModelT& model) {
    for (const auto& section : model.packed) {
      section->layout ^= 1;
      section->processor = "an abacus";
    }
  };
  const std::string packed = folder.file("packed.linnet");
  const std::string foreign = folder.file("foreign.linnet");
  pack_model({.input = golden("int8").path(), .output = packed});
  change_header(packed, foreign, make_foreign);
  const std::string why = why_not(foreign);
  CHECK(why.find("packed for an abacus only") != std::string::npos);
  CHECK(why.find("qkv") != std::string::npos);

  pack_model({.input = golden("int8").path(), .output = packed, .keep_plain = true});
  change_header(packed, foreign, make_foreign);
  Model model;
  REQUIRE(model.open(foreign.c_str()).ok());
  CHECK(model.describe().packed_bytes > 0);
  CHECK(last_logits(model, golden("int8").tokens()) ==
        last_logits(golden("int8").model(), golden("int8").tokens()));
}

TEST_CASE(
    "packed for several kinds of processors: each finds its own, and layouts are there once") {
  // On a processor that is none of them, only what all share.
  const TempFolder folder;
  const std::string path = folder.file("packed.linnet");
  std::vector<std::string> targets = pack_targets();
  targets.emplace_back("native");
  for (const std::string weights : {"f32", "f16", "int8", "int4"}) {
    CAPTURE(weights);
    pack_model({.input = golden(weights).path(), .output = path, .targets = targets});
    std::set<std::pair<schema::DataType, uint64_t>> layouts;
    const ModelFile file(path);
    for (const auto* section : *file.header().packed())
      CHECK(layouts.emplace(section->type(), section->layout()).second);
    Model model;
    REQUIRE(model.open(path.c_str()).ok());
    CHECK(model.describe().packed_bytes == 0);
    CHECK(last_logits(model, golden(weights).tokens()) ==
          last_logits(golden(weights).model(), golden(weights).tokens()));
  }
}

TEST_CASE("a file that is packed only can't be packed for another layout") {
  const TempFolder folder;
  const std::string path = folder.file("packed.linnet");
  pack_model({.input = golden("int4").path(), .output = path, .targets = {"arm64-dotprod"}});
  const std::string before = test::read_file(path);
  CHECK_FAILS_WITH(pack_model({.input = path, .output = path, .targets = {"x86-64-avx512vnni"}}),
                   "than that of x86-64-avx512vnni only");
  CHECK(test::read_file(path) == before);
}

TEST_CASE("what another machine's file is packed for is said when it's refused") {
  const TempFolder folder;
  const std::string path = folder.file("packed.linnet");
  uint64_t here = 0, there = 0;
  linnet_message message;
  REQUIRE(linnet_packed_layout(LINNET_MATRIX_INT4, 32, nullptr, &here, &message) == LINNET_OK);
  std::vector<std::string> foreign;
  for (const std::string& target : pack_targets()) {
    REQUIRE(linnet_packed_layout(LINNET_MATRIX_INT4, 32, target.c_str(), &there, &message) ==
            LINNET_OK);
    if (there != here) foreign.push_back(target);
  }
  CHECK(foreign.size() >= 3);
  pack_model({.input = golden("int4").path(), .output = path, .targets = foreign});
  const std::string why = why_not(path);
  for (const std::string& target : foreign) CHECK(why.find(target) != std::string::npos);
  CHECK(why.find(linnet_processor()) != std::string::npos);
}

TEST_CASE("packed matrices that lie are refused") {
  const TempFolder folder;
  const std::string packed = folder.file("packed.linnet");
  const std::string damaged = folder.file("damaged.linnet");
  pack_model({.input = golden("int8").path(), .output = packed});
  const auto first = [](objects::ModelT& model) -> objects::PackedMatrixT& {
    return *model.packed.front()->matrices.front();
  };
  change_header(packed, damaged, [&](objects::ModelT& model) {
    const objects::Segment old = *first(model).data;
    *first(model).data = objects::Segment(old.offset(), old.size() - 64);
  });
  CHECK(why_not(damaged).find("bytes where") != std::string::npos);
  change_header(packed, damaged, [&](objects::ModelT& model) {
    *first(model).data = objects::Segment(uint64_t{1} << 62, first(model).data->size());
  });
  CHECK(why_not(damaged).find("not within the file") != std::string::npos);
  change_header(packed, damaged, [&](objects::ModelT& model) { first(model).weight = 1 << 20; });
  CHECK(why_not(damaged).find("of no weight") != std::string::npos);
}

TEST_CASE("what cannot be packed is named, and leaves no file") {
  const TempFolder folder;
  const std::string damaged = folder.file("damaged.linnet");
  const std::string output = folder.file("output.linnet");
  change_header(golden("int8").path(), damaged, [](objects::ModelT& model) {
    for (const auto& tensor : model.tensors) {
      if (tensor->name == "layers.0.mlp.down.weight") {
        tensor->data = std::make_unique<objects::Segment>(tensor->data->offset(), 64);
      }
    }
  });
  CHECK_FAILS_WITH(pack_model({.input = damaged, .output = output}),
                   "'layers.0.mlp.down.weight' should have");
  CHECK_FALSE(fs::exists(output));
  CHECK_FAILS_WITH(pack_model({.input = folder.file("none.linnet"), .output = output}),
                   "none.linnet");
}

TEST_CASE("linnet_pack refuses sizes and memory that make no sense") {
  linnet_message why;
  size_t bytes = 0;
  uint64_t layout = 0;
  linnet_matrix matrix = {};
  matrix.type = LINNET_MATRIX_INT4;
  matrix.outputs = 3;
  matrix.inputs = 64;
  matrix.block = 48;
  CHECK(linnet_packed_bytes(&matrix, nullptr, &bytes, &why) == LINNET_INVALID_ARGUMENT);
  matrix.block = 32;
  CHECK(linnet_packed_bytes(&matrix, nullptr, &bytes, &why) == LINNET_OK);
  CHECK(bytes >= 3 * 32);
  alignas(64) std::byte memory[64];
  CHECK(linnet_pack(&matrix, nullptr, memory, 64, &why) == LINNET_INVALID_ARGUMENT);
  matrix.inputs = 63;
  matrix.block = 0;
  CHECK(linnet_packed_bytes(&matrix, nullptr, &bytes, &why) == LINNET_INVALID_ARGUMENT);
  matrix.outputs = SIZE_MAX / 2;
  matrix.inputs = 64;
  CHECK(linnet_packed_bytes(&matrix, nullptr, &bytes, &why) == LINNET_INVALID_ARGUMENT);
  CHECK(linnet_packed_layout(LINNET_MATRIX_INT8, 32, nullptr, &layout, &why) ==
        LINNET_INVALID_ARGUMENT);
  CHECK(linnet_packed_layout(LINNET_MATRIX_INT8, 0, nullptr, &layout, &why) == LINNET_OK);
  uint64_t other = 0;
  CHECK(linnet_packed_layout(LINNET_MATRIX_F32, 0, nullptr, &other, &why) == LINNET_OK);
  CHECK(layout != other);
  CHECK(std::strlen(linnet_processor()) > 0);
}

}  // namespace linnet::cli
