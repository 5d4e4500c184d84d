#include "tools/linnet/model_file.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/linnet/graph_text.h"

namespace linnet::cli {
namespace {

/// A table [8, 4] of f32 shared by an embedding and a head, and an int8 projection [6, 4] with its
/// scales: as many bytes as a token reads are 128 + 24 + 24 and a row of 16.
std::string small_model() {
  flatbuffers::FlatBufferBuilder builder;
  uint64_t next = 16384;
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors;
  const auto weight = [&](const char* name, schema::DataType type, std::vector<int32_t> shape,
                          uint64_t size, int32_t scales = -1) {
    const schema::Segment segment(next, size);
    next += 64 * ((size + 63) / 64);
    tensors.push_back(schema::CreateTensorDirect(builder, name, type, schema::Storage::weight,
                                                 &shape, &segment, scales));
  };
  const auto activation = [&](const char* name, std::vector<int32_t> shape) {
    tensors.push_back(schema::CreateTensorDirect(builder, name, schema::DataType::f32,
                                                 schema::Storage::activation, &shape));
  };
  weight("table", schema::DataType::f32, {8, 4}, 128);
  weight("projection", schema::DataType::int8, {6, 4}, 24, 2);
  weight("projection.scales", schema::DataType::f32, {6}, 24);
  activation("tokens", {-1});
  activation("hidden", {-1, 4});
  activation("wide", {-1, 6});
  activation("logits", {-2, 8});

  std::vector<flatbuffers::Offset<schema::Operator>> steps;
  const auto step = [&](const char* name, schema::Attributes type, flatbuffers::Offset<void> data,
                        std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    steps.push_back(schema::CreateOperatorDirect(builder, name, type, data, &inputs, &outputs));
  };
  step("embedding", schema::Attributes::Embedding, schema::CreateEmbedding(builder).Union(), {3, 0},
       {4});
  step("layers.0.up", schema::Attributes::Linear,
       schema::CreateLinear(builder, schema::Activation::silu).Union(), {4, 1, -1}, {5});
  step("head", schema::Attributes::Linear, schema::CreateLinear(builder).Union(), {4, 0, -1}, {6});

  const std::vector<flatbuffers::Offset<schema::Symbol>> symbols = {
      schema::CreateSymbolDirect(builder, "T"), schema::CreateSymbolDirect(builder, "L")};
  const std::vector<int32_t> inputs = {3};
  const std::vector<int32_t> outputs = {6};
  const std::vector<flatbuffers::Offset<schema::EntryPoint>> entries = {
      schema::CreateEntryPointDirect(builder, "decode", &inputs, &outputs, &steps)};
  const auto metadata = schema::CreateMetadataDirect(builder, "small", "test");
  schema::FinishSizePrefixedModelBuffer(
      builder, schema::CreateModelDirect(builder, 1, 0, metadata, &symbols, &tensors, &entries));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace

TEST_CASE("weights are counted once, scales are no parameters") {
  const test::TempFolder folder;
  const ModelFile file(folder.write("small.linnet", small_model()));
  const WeightFigures figures = count_weights(file);
  CHECK(figures.parameters == 32 + 24);
  CHECK(figures.bytes == 128 + 24 + 24);
  CHECK(figures.bytes_per_token == 128 + 24 + 24 + 16);
  CHECK(figures.by_type.at("f32").tensors == 2);
  CHECK(figures.by_type.at("int8").elements == 24);
}

TEST_CASE("operators are described with their shapes") {
  const test::TempFolder folder;
  const ModelFile file(folder.write("small.linnet", small_model()));
  const auto lines = describe_operators(file, *file.header().entry_points()->Get(0));
  REQUIRE(lines.size() == 3);
  CHECK(lines[1].layer == "layers.0");
  CHECK(lines[1].name == "up");
  CHECK(lines[1].kind == "Linear silu");
  CHECK(lines[1].flow == "[T, 4] int8[6, 4] -> [T, 6]");
  CHECK(lines[2].layer.empty());
  CHECK(lines[2].flow == "[T, 4] f32[8, 4] -> [L, 8]");
}

TEST_CASE("files that are no models are refused by name") {
  const test::TempFolder folder;
  const std::string good = small_model();
  CHECK_FAILS_WITH(ModelFile(folder.write("empty", "")), "empty");
  CHECK_FAILS_WITH(ModelFile(folder.write("text", "this is a text and not a model")), "text");
  CHECK_FAILS_WITH(ModelFile(folder.write("cut", good.substr(0, good.size() / 2))), "cut");
  CHECK_FAILS_WITH(ModelFile(folder.file("missing")), "missing");
  std::string damaged = good;
  for (size_t i = 12; i < damaged.size(); i += 3) damaged[i] = static_cast<char>(0xff);
  CHECK_FAILS_WITH(ModelFile(folder.write("damaged", damaged)), "damaged");
}

}  // namespace linnet::cli
