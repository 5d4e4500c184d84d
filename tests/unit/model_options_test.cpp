// What a program may give a model: memory and a log.

#include <doctest/doctest.h>

#include <cstdlib>
#include <linnet/linnet.hpp>
#include <span>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"

namespace {

using linnet::Model;
using linnet::Result;
using linnet::Session;
using linnet::test::GoldenModel;

struct Counter {
  size_t calls = 0;
  size_t out = 0;
  size_t fails_at = SIZE_MAX;
};

linnet_model_options with_memory_of(Counter* counter) {
  linnet_model_options options = linnet_model_options_defaults();
  options.allocator.allocate = [](size_t bytes, void* context) -> void* {
    auto* self = static_cast<Counter*>(context);
    if (self->calls++ == self->fails_at) return nullptr;
    ++self->out;
    return std::malloc(bytes);
  };
  options.allocator.release = [](void* memory, void* context) {
    --static_cast<Counter*>(context)->out;
    std::free(memory);
  };
  options.allocator.context = counter;
  return options;
}

struct Line {
  linnet_log_level level;
  std::string text;
};

linnet_model_options with_log_to(std::vector<Line>* lines) {
  linnet_model_options options = linnet_model_options_defaults();
  options.log = [](linnet_log_level level, const char* line, void* context) {
    static_cast<std::vector<Line>*>(context)->push_back({level, line});
  };
  options.log_context = lines;
  return options;
}

linnet_session_options one_thread() {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 16;
  options.context = 64;
  return options;
}

/// Opens a model and a session, runs some tokens and closes both.
Result open_and_run(const GoldenModel& golden, const linnet_model_options& options) {
  Model model;
  Session session;
  Result result = model.open(golden.path().c_str(), &options);
  if (result.ok()) result = session.open(model, one_thread());
  if (result.ok()) result = session.run(std::span(golden.tokens()).first(3));
  return result;
}

}  // namespace

TEST_CASE("a model and its sessions live in the caller's memory and give all of it back") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "int4");
  Counter counter;
  const linnet_model_options options = with_memory_of(&counter);
  {
    Model model;
    REQUIRE(model.open(golden.path().c_str(), &options).ok());
    const size_t of_the_model = counter.out;
    CHECK(of_the_model > 0);
    Session session;
    Session fork;
    REQUIRE(session.open(model, one_thread()).ok());
    CHECK(counter.out > of_the_model);
    const size_t before = counter.calls;
    REQUIRE(session.run(std::span(golden.tokens()).first(3)).ok());
    CHECK(counter.calls == before);
    REQUIRE(fork.fork(session).ok());
    CHECK(counter.calls > before);
  }
  CHECK(counter.out == 0);
}

TEST_CASE("whichever allocation fails, the call says so and gives everything back") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "int4");
  Counter all;
  REQUIRE(open_and_run(golden, with_memory_of(&all)).ok());
  REQUIRE(all.calls > 10);
  for (size_t i = 0; i < all.calls; ++i) {
    Counter counter;
    counter.fails_at = i;
    const Result result = open_and_run(golden, with_memory_of(&counter));
    CAPTURE(i);
    CAPTURE(result.message());
    CHECK(result.status == LINNET_OUT_OF_MEMORY);
    CHECK(counter.out == 0);
  }
}

TEST_CASE("half an allocator is refused") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  Counter counter;
  linnet_model_options options = with_memory_of(&counter);
  options.allocator.release = nullptr;
  CHECK(open_and_run(golden, options).status == LINNET_INVALID_ARGUMENT);
}

TEST_CASE("the log tells what was packed, what a session takes, and of too many threads") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  std::vector<Line> lines;
  const linnet_model_options options = with_log_to(&lines);
  Model model;
  REQUIRE(model.open(golden.path().c_str(), &options).ok());
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].level == LINNET_LOG_INFO);
  CHECK(lines[0].text.find("packed ") == 0);

  Session session;
  REQUIRE(session.open(model, one_thread()).ok());
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].text.find("threads 1 of ") != std::string::npos);

  linnet_session_options crowded = one_thread();
  crowded.threads = 64;
  REQUIRE(session.open(model, crowded).ok());
  CHECK(lines.back().level == LINNET_LOG_WARNING);
  CHECK(lines.back().text.find("64 threads") != std::string::npos);
}
