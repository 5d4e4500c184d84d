#include "tools/linnet/timed_runs.h"

#include <linnet/measure.h>

#include <algorithm>

#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/text_batch.h"

namespace linnet::cli {

Speed speed_of(size_t tokens, const std::vector<double>& seconds) {
  std::vector<double> speeds = seconds;
  for (double& value : speeds) value = static_cast<double>(tokens) / value;
  std::sort(speeds.begin(), speeds.end());
  const double median = (speeds[(speeds.size() - 1) / 2] + speeds[speeds.size() / 2]) / 2;
  return {tokens, median, speeds.front(), speeds.back()};
}

std::vector<int32_t> made_up_tokens(size_t count, uint32_t vocabulary) {
  std::vector<int32_t> tokens(count);
  uint32_t random = 1;
  for (auto& token : tokens) {
    random = random * 1664525u + 1013904223u;
    token = static_cast<int32_t>((random >> 8) % vocabulary);
  }
  return tokens;
}

double prefill_seconds(Session& session, const std::vector<int32_t>& tokens, float* logits) {
  session.reset();
  const Stopwatch watch;
  require(session.run(tokens, logits));
  return watch.seconds();
}

double encode_seconds(Session& session, const std::vector<int32_t>& tokens) {
  TextBatch text;
  text.add(tokens);
  const Stopwatch watch;
  text.encode(session);
  return watch.seconds();
}

double decode_seconds(Session& session, size_t count, std::vector<float>& logits) {
  session.reset();
  int32_t token = 0;
  const Stopwatch watch;
  for (size_t i = 0; i < count; ++i) {
    require(session.run({&token, 1}, logits.data()));
    token = static_cast<int32_t>(argmax(logits));
  }
  return watch.seconds();
}

uint64_t fork_joins_per_token(Session& session, std::vector<float>& logits) {
  session.reset();
  constexpr int32_t token = 0;
  const uint64_t before = linnet_fork_joins();
  require(session.run({&token, 1}, logits.data()));
  return linnet_fork_joins() - before;
}

}  // namespace linnet::cli
