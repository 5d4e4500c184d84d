// Counts every allocation of the process, XNNPACK's and pthreadpool's included, by standing in for
// the C library's allocator. Not under sanitizers, which do the same.

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <linnet/linnet.hpp>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tests/unit/sanitizer.h"

#if defined(__GLIBC__) && !defined(LINNET_SANITIZED)

namespace {

std::atomic<size_t> allocations = 0;

}  // namespace

extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

// The C library names the parameters in its own way.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}

void* memalign(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out != nullptr ? 0 : ENOMEM;
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

}  // extern "C"

namespace {

using linnet::Session;
using linnet::test::GoldenModel;

/// Checkpoints, rewinding, saving, loading and batches.
bool state_calls_work(Session& session, std::span<const int32_t> tokens, float* logits,
                      std::span<std::byte> saved) {
  bool is_ok = true;
  for (size_t i = 0; i < 6; ++i) {
    is_ok = session.run(tokens.subspan(i, 1)).ok() && session.checkpoint().ok() && is_ok;
  }
  uint64_t from = 0;
  is_ok = session.rewind(4, &from).ok() && is_ok;
  const size_t bytes = session.state_bytes();
  linnet_message why;
  is_ok = linnet_state_save(session.get(), saved.data(), bytes, &why) == LINNET_OK && is_ok;
  is_ok = session.load(saved.first(bytes)).ok() && is_ok;
  linnet_session* const only = session.get();
  return linnet::run_batch({&only, 1}, tokens.first(1), logits).ok() && is_ok;
}

size_t allocations_while_running(const GoldenModel& golden, uint32_t threads) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = 16;
  options.batch = 2;
  linnet_memory memory = {};
  REQUIRE(golden.model().session_bytes(options, &memory).ok());
  options.checkpoint_bytes = 3 * memory.one_checkpoint_bytes;
  Session session;
  REQUIRE(session.open(golden.model(), options).ok());
  std::vector<float> logits(golden.vocabulary());
  std::vector<std::byte> saved(memory.state_bytes + 64);
  const std::span<const int32_t> tokens = golden.tokens();
  const size_t before = allocations;
  bool is_ok = session.run(tokens, logits.data()).ok();  // three chunks
  is_ok = session.run(tokens.first(5), logits.data()).ok() && is_ok;
  for (const int32_t token : tokens) is_ok = session.run({&token, 1}, logits.data()).ok() && is_ok;
  is_ok = session.run(tokens).ok() && is_ok;
  size_t operators = 0;
  session.on_operator(
      [](const linnet_operator_run*, void* context) { ++*static_cast<size_t*>(context); },
      &operators);
  is_ok = session.run(tokens).ok() && operators > 0 && is_ok;
  linnet_session_reset(session.get());
  is_ok = state_calls_work(session, tokens, logits.data(), saved) && is_ok;
  const size_t after = allocations;
  CHECK(is_ok);
  return after - before;
}

}  // namespace

TEST_CASE("the counter sees allocations") {
  const size_t before = allocations;
  std::vector<char> memory(1000);
  CHECK(memory.size() == 1000);
  CHECK(allocations > before);
}

TEST_CASE("nothing allocates between session open and close") {
  for (const char* folder :
       {"golden/hf/qwen3_5_text", "golden/ref/rwkv7_pth", "golden/hf/granitemoehybrid",
        "golden/hf/mamba", "golden/hf/recurrent_gemma", "golden/hf/xlstm"}) {
    for (const char* weights : {"f32", "int8"}) {
      const GoldenModel golden(folder, weights);
      CAPTURE(folder);
      CAPTURE(weights);
      CHECK(allocations_while_running(golden, 1) == 0);
      CHECK(allocations_while_running(golden, 2) == 0);
    }
  }
}

#endif
