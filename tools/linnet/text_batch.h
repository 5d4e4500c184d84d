#pragma once

#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <span>
#include <string>
#include <vector>

namespace linnet::cli {

/// Texts for an encoder, one behind another.
class TextBatch {
 public:
  /// `types` and `mask` have a number per token or are empty, as for linnet_texts; in all texts of
  /// a batch alike.
  void add(std::span<const int32_t> tokens, std::span<const int32_t> types = {},
           std::span<const uint8_t> mask = {});

  void clear() { *this = {}; }
  size_t tokens() const { return tokens_.size(); }
  size_t texts() const { return lengths_.size(); }

  /// Encodes all of them, or throws std::runtime_error.
  void encode(Session& session) const;

 private:
  std::vector<int32_t> tokens_, types_;
  std::vector<uint8_t> mask_;
  std::vector<size_t> lengths_;
};

/// The encoder's output called `name`; throws std::runtime_error that names those there
/// are, and says `hint`. `session` has encoded something.
linnet_output find_output(const Session& session, const Model& model, const std::string& name,
                          const std::string& hint);

}  // namespace linnet::cli
