#include "tools/linnet/operator_profile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tools/linnet/timed_runs.h"

namespace linnet::cli {
namespace {

size_t operators_in(const std::vector<ProfileRow>& rows) {
  size_t count = 0;
  for (const ProfileRow& row : rows) count += row.operators;
  return count;
}

double seconds_in(const std::vector<ProfileRow>& rows) {
  double seconds = 0;
  for (const ProfileRow& row : rows) seconds += row.seconds;
  return seconds;
}

bool slowest_first(const std::vector<ProfileRow>& rows) {
  return std::is_sorted(rows.begin(), rows.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return a.seconds > b.seconds;
  });
}

}  // namespace

TEST_CASE("names of layers fall together, whatever their number") {
  CHECK(name_pattern("layers.3.mlp.down") == "layers.*.mlp.down");
  CHECK(name_pattern("layers.12.experts.0.up") == "layers.*.experts.*.up");
  CHECK(name_pattern("7") == "*");
  CHECK(name_pattern("embedding") == "embedding");
  CHECK(name_pattern("layers.3b.int8") == "layers.3b.int8");
  CHECK(name_pattern("a..b.") == "a..b.");
  CHECK(name_pattern("").empty());
}

TEST_CASE("a profile counts every operator once, by kind and by name") {
  const test::GoldenModel golden("golden/hf/qwen3_5_text", "int8");
  const ModelFile file(golden.path());
  const auto products = matrix_products(file);
  Session session;
  REQUIRE(session.open(golden.model()).ok());
  std::vector<float> logits(golden.vocabulary());
  const std::vector<int32_t> tokens(golden.tokens().begin(), golden.tokens().begin() + 9);

  Profiler profiler(session);
  double seconds = 0;
  for (int i = 0; i < 3; ++i) seconds += prefill_seconds(session, tokens, logits.data());
  const RunShape shape = RunShape::prefill(tokens.size(), 128);
  const Profile profile = profiler.profile(products, shape, 3, seconds);

  const size_t operators = main_entry(file).operators()->size();
  CHECK(profile.tokens == 9);
  CHECK(operators_in(profile.by_kind) == operators);
  CHECK(operators_in(profile.by_name) == operators);
  CHECK(profile.by_name.size() < operators);
  CHECK(slowest_first(profile.by_kind));
  CHECK(slowest_first(profile.by_name));
  CHECK(profile.seconds == doctest::Approx(seconds / 3));
  CHECK(profile.seconds_in_operators() > 0);
  CHECK(profile.seconds_in_operators() <= profile.seconds);
  CHECK(seconds_in(profile.by_name) == doctest::Approx(profile.seconds_in_operators()));
  double counted = 0;
  for (const ProfileRow& row : profile.by_kind) {
    CHECK((row.operations > 0) == (row.kind == "Linear"));
    counted += row.operations;
  }
  CHECK(counted == doctest::Approx(operations(products, shape)));
}

TEST_CASE("a profile forgets what it is told to, and lets go of the session") {
  const test::GoldenModel golden("golden/ref/rwkv7_pth", "f32");
  Session session;
  REQUIRE(session.open(golden.model()).ok());
  const RunShape shape = RunShape::decode(1);
  {
    Profiler profiler(session);
    REQUIRE(session.run(golden.tokens()).ok());
    profiler.clear();
    CHECK(profiler.profile({}, shape, 1, 1).by_kind.empty());
  }
  CHECK(session.run(golden.tokens()).ok());
}

}  // namespace linnet::cli
