#include "tools/linnet/text_batch.h"

#include <stdexcept>

#include "tools/linnet/open_model.h"

namespace linnet::cli {

void TextBatch::add(std::span<const int32_t> tokens, std::span<const int32_t> types,
                    std::span<const uint8_t> mask) {
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  types_.insert(types_.end(), types.begin(), types.end());
  mask_.insert(mask_.end(), mask.begin(), mask.end());
  lengths_.push_back(tokens.size());
}

void TextBatch::encode(Session& session) const {
  require(session.encode({.tokens = tokens_.data(),
                          .token_types = types_.empty() ? nullptr : types_.data(),
                          .mask = mask_.empty() ? nullptr : mask_.data(),
                          .lengths = lengths_.data(),
                          .count = lengths_.size()}));
}

linnet_output find_output(const Session& session, const Model& model, const std::string& name,
                          const std::string& hint) {
  std::string there;
  for (size_t i = 0; i < model.describe().encoder_outputs; ++i) {
    linnet_output output = {};
    require(session.output(i, &output));
    if (output.name == name) return output;
    there += (there.empty() ? "'" : ", '") + std::string(output.name) + "'";
  }
  throw std::runtime_error("the model puts out " + there + ", not '" + name + "': " + hint);
}

}  // namespace linnet::cli
