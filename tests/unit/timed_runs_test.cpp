#include "tools/linnet/timed_runs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tools/linnet/read_bandwidth.h"

namespace linnet::cli {

TEST_CASE("speeds are tokens over seconds, the median between the two in the middle") {
  const Speed odd = speed_of(10, {1, 5, 2});
  CHECK(odd.tokens == 10);
  CHECK(odd.min == 2);
  CHECK(odd.median == 5);
  CHECK(odd.max == 10);
  const Speed even = speed_of(12, {1, 2, 3, 4});
  CHECK(even.min == 3);
  CHECK(even.median == 5);
  CHECK(even.max == 12);
  CHECK(speed_of(4, {2}).median == 2);
}

TEST_CASE("a measurement warms up before it counts") {
  int runs = 0;
  const Speed speed = measure(8, 3, [&] { return ++runs == 1 ? 1000.0 : 2.0; });
  CHECK(runs == 4);
  CHECK(speed.min == 4);
  CHECK(speed.max == 4);
}

TEST_CASE("made-up tokens are the same every time and within the vocabulary") {
  const std::vector<int32_t> tokens = made_up_tokens(1000, 37);
  CHECK(tokens == made_up_tokens(1000, 37));
  CHECK(*std::min_element(tokens.begin(), tokens.end()) == 0);
  CHECK(*std::max_element(tokens.begin(), tokens.end()) == 36);
}

TEST_CASE("memory is read at a speed that memory has") {
  CHECK(session_threads(3) == 3);
  CHECK(session_threads(0) >= 1);
  CHECK(session_threads(0) <= 8);
  // Slower than any memory in use, even under an emulator; faster than any: nothing was read.
  const double bandwidth = read_bandwidth(2);
  CHECK(bandwidth > 1e7);
  CHECK(bandwidth < 1e13);
}

}  // namespace linnet::cli
