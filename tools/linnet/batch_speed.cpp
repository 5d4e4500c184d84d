#include "tools/linnet/batch_speed.h"

#include <algorithm>
#include <span>
#include <vector>

#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

/// As decode_seconds, of each session; the first tokens differ, and so do the texts.
double batch_seconds(std::vector<Session>& sessions, size_t count, std::vector<float>& logits) {
  const size_t vocabulary = logits.size() / sessions.size();
  std::vector<linnet_session*> handles;
  std::vector<int32_t> tokens = made_up_tokens(sessions.size(), static_cast<uint32_t>(vocabulary));
  for (Session& session : sessions) {
    session.reset();
    handles.push_back(session.get());
  }
  const Stopwatch watch;
  for (size_t i = 0; i < count; ++i) {
    require(run_batch(handles, tokens, logits.data()));
    for (size_t row = 0; row < tokens.size(); ++row) {
      const auto own = std::span<const float>(logits).subspan(row * vocabulary, vocabulary);
      tokens[row] = static_cast<int32_t>(argmax(own));
    }
  }
  return watch.seconds();
}

}  // namespace

Speed measure_batch(const Model& model, const linnet_session_options& options, uint32_t sessions,
                    size_t count, size_t repeats) {
  linnet_session_options host = options;
  host.batch = sessions;
  linnet_session_options guest = options;
  guest.threads = 1;
  guest.chunk = 1;
  std::vector<Session> all;
  all.push_back(open_session(model, host));
  while (all.size() < sessions) all.push_back(open_session(model, guest));
  std::vector<float> logits(sessions * size_t{model.describe().vocabulary});
  return measure(count * sessions, repeats, [&] { return batch_seconds(all, count, logits); });
}

}  // namespace linnet::cli
