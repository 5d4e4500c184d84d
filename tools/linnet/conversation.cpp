#include "tools/linnet/conversation.h"

#include <algorithm>
#include <utility>

#include "tools/linnet/open_model.h"

namespace linnet::cli {

Conversation::Conversation(const Model& model, Session& session, const ChatFormat& format,
                           const std::string& system, PromptCache& cache)
    : model_(model), session_(session), format_(format), opened_(!system.empty()) {
  require(model_.tokenize(format.close, /*special_tokens=*/false, &close_));
  if (!opened_) return;
  append(opening_text(format, system));
  cached_ = cache.restore(session_, stream_);
  require(read(stream_.size()));
  if (cached_ < stream_.size()) cache.keep(session_, stream_);
}

/// The first text of a stream is led by what the model wants there, such as a token for its begin.
void Conversation::append(std::string_view text) {
  std::vector<int32_t> ids;
  require(model_.tokenize(text, /*special_tokens=*/stream_.empty(), &ids));
  stream_.insert(stream_.end(), ids.begin(), ids.end());
}

Result Conversation::read(size_t end) {
  const auto position = static_cast<size_t>(session_.position());
  if (position >= end) return {};
  return session_.run(std::span(stream_).subspan(position, end - position));
}

/// The stream's first `length` tokens remain, and the session goes back to `position` of them or
/// before that. Gives the tokens that it has run before and will run again.
size_t Conversation::cut(size_t length, size_t position) {
  stream_.resize(length);
  const uint64_t ran = std::min<uint64_t>(position, session_.position());
  uint64_t from = 0;
  require(session_.rewind(ran, &from));
  return static_cast<size_t>(ran - from);
}

Reply Conversation::say(std::string user, const linnet_generate_options& options,
                        const Sink& sink) {
  return turn(std::move(user), 0, options, sink);
}

Reply Conversation::edit(size_t number, std::string user, const linnet_generate_options& options,
                         const Sink& sink) {
  const size_t begin = turns_.at(number).begin;
  const size_t replayed = cut(begin, begin);
  turns_.resize(number);
  users_.resize(number);
  closed_ = true;
  return turn(std::move(user), replayed, options, sink);
}

Reply Conversation::again(const linnet_generate_options& options, const Sink& sink) {
  // The last token before the reply runs again, for its logits.
  const size_t begin = turns_.back().reply;
  const size_t replayed = cut(begin, begin - 1);
  return reply(replayed, options, sink);
}

Reply Conversation::turn(std::string user, size_t replayed, const linnet_generate_options& options,
                         const Sink& sink) {
  if (!closed_) stream_.insert(stream_.end(), close_.begin(), close_.end());
  closed_ = true;
  Turn turn = {.begin = stream_.size(), .reply = 0};
  require(read(turn.begin));
  require(session_.checkpoint());
  append(turn_text(format_, user, opened_ && turns_.empty()));
  turn.reply = stream_.size();
  turns_.push_back(turn);
  users_.push_back(std::move(user));
  return reply(replayed, options, sink);
}

Reply Conversation::reply(size_t replayed, const linnet_generate_options& options,
                          const Sink& sink) {
  const Turn& turn = turns_.back();
  Reply result = {.replayed = replayed};
  const size_t begin = turn.reply;
  const Result beginning = read(begin - 1);
  if (!beginning.ok()) {
    cut(turn.begin, turn.begin);
    turns_.pop_back();
    users_.pop_back();
    require(beginning);
  }
  require(session_.checkpoint());
  closed_ = false;
  const std::string stop_text = format_.stop_text;
  const auto take = [&](int32_t id, std::string_view text) {
    if (id >= 0 && ends_reply(id)) return false;
    if (id >= 0) stream_.push_back(id);
    const size_t stop = stop_text.empty() ? std::string_view::npos : text.find(stop_text);
    closed_ = stop != std::string_view::npos;
    return (text.empty() || sink(text.substr(0, stop))) && !closed_;
  };
  const std::vector<int32_t> last(stream_.begin() + static_cast<std::ptrdiff_t>(begin - 1),
                                  stream_.end());
  linnet_generated generated = {};
  const Result written = session_.generate_ids(last, options, take, &generated);
  result.written = stream_.size() - begin;
  result.stop = generated.stop;
  // An interrupt stops between tokens: what has been written stays.
  if (written.status != LINNET_CANCELLED) require(written);
  return result;
}

}  // namespace linnet::cli
