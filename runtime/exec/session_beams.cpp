// Hypotheses of one text side by side. All of their tokens lie in the same rings: token n of
// hypothesis i in row n * beams + i, where nothing is ever moved. A hypothesis is the path of rows
// that its tokens have; to continue another one is to copy its path, four bytes a token.

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "runtime/exec/session.h"

namespace linnet {

Status Session::run_beams(std::span<const int32_t> tokens, std::span<const uint32_t> parents,
                          float* logits) {
  Status status = check_beams(tokens, parents);
  if (!status.failed()) status = check_length(1);
  if (status.failed()) return status;
  branch_paths(parents);
  for (size_t i = 0; i < tokens.size(); ++i) texts_[i] = {.first = i, .count = 1};
  const EntryPoint& decode = model_.graph().decode;
  const Chunk chunk = {.extents = {.tokens = tokens.size(),
                                   .logits_rows = tokens.size(),
                                   .context = plan_.largest.context,
                                   .texts = tokens.size(),
                                   .source = source_tokens_},
                       .position = position_,
                       .texts = {texts_.data(), tokens.size()},
                       .paths = paths(),
                       .path_stride = plan_.path_tokens};
  std::memcpy(addresses_[static_cast<size_t>(decode.tokens)], tokens.data(), tokens.size_bytes());
  encoded_ = {};
  written_ = std::max(written_, position_ + 1);
  status = run_operators(decode, chunk);
  if (status.failed()) return status;
  ++position_;
  hypotheses_ = tokens.size();
  copy_logits(tokens.size(), logits, 0);
  return report_progress(1, 1);
}

Status Session::check_beams(std::span<const int32_t> tokens,
                            std::span<const uint32_t> parents) const {
  if (tokens.empty() || tokens.size() > plan_.beams || plan_.path_tokens == 0) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "%zu hypotheses: the session was opened for %zu beams", tokens.size(),
                         plan_.beams);
  }
  for (size_t i = 0; i < parents.size(); ++i) {
    if (parents[i] < hypotheses_) continue;
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "hypothesis %zu continues number %" PRIu32 ", but there are %zu", i,
                         parents[i], hypotheses_);
  }
  return decode_limits_.check_tokens(tokens);
}

/// The next tokens are the first hypothesis', and it is the only one then.
void Session::extend_first_path(size_t count) {
  uint32_t* const path = paths();
  const auto first = static_cast<size_t>(position_);
  for (size_t n = first; n < first + count; ++n) {
    path[n] = static_cast<uint32_t>(n * plan_.beams);
  }
  hypotheses_ = 1;
}

/// Hypothesis i becomes what parents[i] is, and a token more.
void Session::branch_paths(std::span<const uint32_t> parents) {
  uint32_t* const old_paths = paths();
  const auto from = [&](uint32_t* all, size_t i) { return all + i * plan_.path_tokens; };
  const auto length = static_cast<size_t>(position_);
  for (size_t i = 0; i < parents.size(); ++i) {
    std::copy_n(from(old_paths, parents[i]), length, from(new_paths_.data(), i));
  }
  for (size_t i = 0; i < parents.size(); ++i) {
    std::copy_n(from(new_paths_.data(), i), length, from(old_paths, i));
    from(old_paths, i)[length] = static_cast<uint32_t>(length * plan_.beams + i);
  }
}

}  // namespace linnet
