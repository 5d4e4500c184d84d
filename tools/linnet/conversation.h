#pragma once

#include <cstdint>
#include <functional>
#include <linnet/linnet.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/linnet/chat_format.h"
#include "tools/linnet/prompt_cache.h"

namespace linnet::cli {

/// What a reply took.
struct Reply {
  size_t replayed = 0;  ///< tokens of earlier turns that ran again
  size_t written = 0;
  linnet_stop_reason stop = LINNET_STOP_MAX_TOKENS;
};

/// A conversation as one stream of tokens through a session, with a checkpoint before every turn
/// and one before every reply: to change a turn is to go back to it.
class Conversation {
 public:
  using Sink = std::function<bool(std::string_view)>;

  /// Reads the system's text, if any, or finds its state in the cache. All must outlive this.
  Conversation(const Model& model, Session& session, const ChatFormat& format,
               const std::string& system, PromptCache& cache);

  /// The user's texts so far.
  const std::vector<std::string>& users() const { return users_; }
  /// Tokens of the system's text that the cache spared.
  size_t cached() const { return cached_; }

  /// A new turn, whose reply goes to `sink` piece by piece until it returns false. If the turn's
  /// text could not be read to its end, the turn is forgotten.
  Reply say(std::string user, const linnet_generate_options& options, const Sink& sink);

  /// Turn `number`, from 0, anew with another text. Later ones are forgotten.
  Reply edit(size_t number, std::string user, const linnet_generate_options& options,
             const Sink& sink);

  /// The last reply anew.
  Reply again(const linnet_generate_options& options, const Sink& sink);

 private:
  struct Turn {
    size_t begin = 0;  ///< in the stream
    size_t reply = 0;  ///< where its reply begins
  };

  void append(std::string_view text);
  Result read(size_t end);
  size_t cut(size_t length, size_t position);
  Reply turn(std::string user, size_t replayed, const linnet_generate_options& options,
             const Sink& sink);
  Reply reply(size_t replayed, const linnet_generate_options& options, const Sink& sink);
  bool ends_reply(int32_t id) const { return !close_.empty() && close_.front() == id; }

  const Model& model_;
  Session& session_;
  const ChatFormat& format_;
  std::vector<int32_t> stream_;  ///< all tokens; the session has run the first position() of them
  std::vector<int32_t> close_;   ///< what ends a reply
  bool opened_ = false;          ///< by a system's text
  std::vector<std::string> users_;
  std::vector<Turn> turns_;
  bool closed_ = true;  ///< the stream ends with a whole turn
  size_t cached_ = 0;
};

}  // namespace linnet::cli
