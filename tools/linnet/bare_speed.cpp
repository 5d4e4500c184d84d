#include "tools/linnet/bare_speed.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>

#include "tools/linnet/bare_model.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

/// Seconds within the matrix products, and the Quantize operators before them, of a session, from
/// one call of take to the next.
class ProductClock {
 public:
  explicit ProductClock(Session& session) { session.on_operator(add, this); }

  double take() {
    const double seconds = static_cast<double>(nanoseconds_) * 1e-9;
    nanoseconds_ = 0;
    return seconds;
  }

 private:
  static void add(const linnet_operator_run* run, void* context) {
    constexpr const char* kinds[] = {"Linear", "GroupedLinear", "MixtureOfExperts", "Quantize"};
    const bool counts = std::any_of(std::begin(kinds), std::end(kinds), [&](const char* kind) {
      return std::strcmp(run->kind, kind) == 0;
    });
    if (!counts) return;
    static_cast<ProductClock*>(context)->nanoseconds_ += run->nanoseconds;
  }

  uint64_t nanoseconds_ = 0;
};

}  // namespace

BareSpeeds measure_bare_products(const ModelFile& file, const linnet_session_options& options,
                                 const std::vector<size_t>& prompts, size_t decode_tokens,
                                 size_t repeats) {
  const std::vector<FileLine> bytes = bare_model(file);
  Model model;
  require(model.borrow(std::as_bytes(std::span(bytes))));
  Session session = open_session(model, options);
  ProductClock clock(session);
  std::vector<float> logits(model.describe().vocabulary);
  BareSpeeds speeds;
  for (const size_t count : prompts) {
    const std::vector<int32_t> tokens = made_up_tokens(count, bare_tokens);
    speeds.prefill.push_back(measure(count, repeats, [&] {
      require(session.run(tokens, logits.data()));
      return clock.take();
    }));
  }
  speeds.decode = measure(decode_tokens, repeats, [&] {
    for (const int32_t token : made_up_tokens(decode_tokens, bare_tokens)) {
      require(session.run({&token, 1}, logits.data()));
    }
    return clock.take();
  });
  return speeds;
}

}  // namespace linnet::cli
