#include "tools/linnet/generation_meter.h"

#include <doctest/doctest.h>

#include <thread>

namespace linnet::cli {
namespace {

void generate(GenerationMeter& meter, size_t prompt, size_t tokens) {
  for (size_t in = 0; in < prompt + tokens; ++in) {
    meter.advance(in);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  meter.finish();
}

}  // namespace

TEST_CASE("a long generation has a speed at its start and at its end") {
  GenerationMeter meter(5, 300, false);
  generate(meter, 5, 300);
  CHECK(meter.prompt_speed().value_or(0) > 0);
  CHECK(meter.speed().value_or(0) > 0);
  CHECK(meter.first_tenth_speed().value_or(0) > 0);
  CHECK(meter.last_tenth_speed().value_or(0) > 0);
  CHECK_FALSE(meter.memory_at_start().has_value());
}

TEST_CASE("a generation that ends early still has both") {
  GenerationMeter meter(1, 1000, false);
  generate(meter, 1, 200);
  CHECK(meter.first_tenth_speed().has_value());
  CHECK(meter.last_tenth_speed().has_value());
}

TEST_CASE("nothing generated has no speed") {
  GenerationMeter meter(5, 10, false);
  meter.advance(2);
  meter.finish();
  CHECK_FALSE(meter.prompt_speed().has_value());
  CHECK_FALSE(meter.speed().has_value());
  CHECK_FALSE(meter.first_tenth_speed().has_value());
}

#if defined(__linux__)
TEST_CASE("memory is looked at where asked for") {
  GenerationMeter meter(1, 10, true);
  generate(meter, 1, 10);
  REQUIRE(meter.memory_at_start().has_value());
  REQUIRE(meter.memory_at_end().has_value());
  CHECK(meter.memory_at_most()->private_bytes >= meter.memory_at_start()->private_bytes);
}
#endif

}  // namespace linnet::cli
