#pragma once

#include <cstdint>
#include <linnet/linnet.hpp>
#include <span>
#include <string>

namespace linnet::cli {

/// A file with the tokens of a prompt and the state that they lead to, so that a long beginning,
/// such as a system prompt, runs once for many starts. A state of recurrent layers cannot be cut:
/// it serves prompts that begin with all of its tokens. Softmax layers serve any beginning that the
/// two have in common.
class PromptCache {
 public:
  /// "" : no file, and nothing is kept.
  explicit PromptCache(std::string path) : path_(std::move(path)) {}

  bool is_on() const { return !path_.empty(); }

  /// Brings a session with empty state as far along `prompt` as the file can, and gives how many
  /// tokens that is. A file of another model or version, or one that is damaged, is named on
  /// standard error.
  size_t restore(Session& session, std::span<const int32_t> prompt);

  /// The last restore had use for all of the file's tokens.
  bool served() const { return served_; }

  /// Replaces the file by the session's state, which `tokens` led to.
  void keep(const Session& session, std::span<const int32_t> tokens) const;

 private:
  size_t try_restore(Session& session, std::span<const int32_t> prompt);

  std::string path_;
  bool served_ = false;
};

}  // namespace linnet::cli
