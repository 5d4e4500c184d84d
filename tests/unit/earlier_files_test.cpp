// Files as earlier versions of the converter wrote them.

#include <doctest/doctest.h>

#include <cstring>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "schema/linnet_objects_generated.h"
#include "tests/golden/golden_model.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/formats/output_file.h"
#include "tools/linnet/logits.h"
#include "tools/linnet/model_file.h"

namespace linnet::cli {
namespace {

std::vector<float> last_logits(const Model& model, const std::vector<int32_t>& tokens) {
  Session session;
  REQUIRE(session.open(model, linnet_session_options_defaults()).ok());
  std::vector<float> logits(model.describe().vocabulary);
  const auto ran = session.run(tokens, logits.data());
  REQUIRE_MESSAGE(ran.ok(), ran.message());
  return logits;
}

}  // namespace

TEST_CASE("int8 matrices of a decoder still meet dynamic_int8 rows in files that have them") {
  for (const char* folder : {"golden/hf/qwen3_5_text", "golden/hf/qwen3_next"}) {
    CAPTURE(folder);
    const test::GoldenModel golden(folder, "int8");
    objects::ModelT header;
    objects::GetSizePrefixedModel(ModelFile(golden.path()).header_data())->UnPackTo(&header);
    size_t changed = 0;
    for (const auto& tensor : header.tensors) {
      if (tensor->type != objects::DataType::dynamic_int16) continue;
      tensor->type = objects::DataType::dynamic_int8;
      ++changed;
    }
    CHECK(changed > 0);
    flatbuffers::FlatBufferBuilder builder;
    objects::FinishSizePrefixedModelBuffer(builder, objects::Model::Pack(builder, &header));
    std::string bytes = test::read_file(golden.path());
    std::memcpy(bytes.data(), builder.GetBufferPointer(), builder.GetSize());
    const test::TempFolder temporary;
    const std::string path = temporary.file("earlier.linnet");
    convert::OutputFile file(path);
    file.write(std::as_bytes(std::span(bytes)));
    file.commit();
    Model model;
    const auto opened = model.open(path.c_str());
    REQUIRE_MESSAGE(opened.ok(), opened.message());
    const auto coarse = last_logits(model, golden.tokens());
    const auto fine = last_logits(golden.model(), golden.tokens());
    const double scale = largest_magnitude(fine);
    // Rows of 8 bits err by about half a step of 255 each, which layers this narrow average little.
    CHECK(largest_difference(coarse, fine) < 0.1 * scale);
    CHECK(largest_difference(coarse, fine) > 0);
  }
}

}  // namespace linnet::cli
