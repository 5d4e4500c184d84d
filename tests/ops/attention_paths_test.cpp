// Texts that share the rings of softmax attention, each on a path of its own.

#include "runtime/kernels/softmax_attention.h"
#include "tests/ops/kernel_test.h"

namespace linnet::test {
namespace {

constexpr size_t tokens = 90, texts = 3, dim = 16, queries_per_head = 2;

/// A text's tokens, with rings of its own or of all texts.
struct Case {
  Case(size_t rows, size_t with_reach)
      : reach(with_reach),
        query(tokens, queries_per_head * dim),
        key(tokens, dim),
        value(tokens, dim),
        bias(queries_per_head, 2 * with_reach + 1),
        keys(rows, dim),
        values(rows, dim),
        output(tokens, queries_per_head * dim),
        scratch(1, kernels::softmax_attention_scratch()) {
    std::mt19937 random(7);
    for (TestRows* inputs : {&query, &key, &value, &bias}) inputs->fill(random);
    // What lies in rows of other texts must not matter.
    for (TestRows* others : {&keys, &values, &output}) others->fill_with(NAN);
  }

  kernels::SoftmaxAttentionHead head(size_t first, size_t count) {
    kernels::SoftmaxAttentionHead head;
    head.position = first;
    head.tokens = count;
    head.capacity = keys.rows();
    head.queries_per_head = queries_per_head;
    head.head_dim = dim;
    head.value_dim = dim;
    head.query = query.in(first);
    head.key = key.in(first);
    head.value = value.in(first);
    head.key_ring = keys.out();
    head.value_ring = values.out();
    if (reach > 0) head.bias = bias.in();
    head.bias_reach = reach;
    head.output = output.out(first);
    head.scale = 0.4f;
    head.scratch = scratch.data();
    return head;
  }

  size_t reach;
  TestRows query, key, value, bias, keys, values, output, scratch;
};

/// Text i branches off from text 0 after 20 i tokens.
std::vector<uint32_t> path_of(size_t text) {
  std::vector<uint32_t> path;
  for (size_t n = 0; n < tokens; ++n) {
    path.push_back(static_cast<uint32_t>(n * texts + (n < 20 * text ? 0 : text)));
  }
  return path;
}

}  // namespace

TEST_CASE("attention of texts that share rings is that of each text alone, bit by bit") {
  for_each_target([] {
    for (size_t text = 0; text < texts; ++text) {
      const std::vector<uint32_t> path = path_of(text);
      for (const size_t reach : {0, 5}) {
        CAPTURE(text);
        CAPTURE(reach);
        Case alone(tokens, reach), shared(tokens * texts, reach);
        kernels::softmax_attention(alone.head(0, tokens));
        // A prompt at once, then token after token.
        for (size_t first = 0; first < tokens; first += first == 0 ? 7 : 1) {
          kernels::SoftmaxAttentionHead head = shared.head(first, first == 0 ? 7 : 1);
          head.path = path.data();
          kernels::softmax_attention(head);
        }
        CHECK(same_bits(shared.output, alone.output));
        CHECK(shared.output.guards_intact());
        TestRows keys = shared.keys;
        keys.fill_with(NAN);
        for (size_t n = 0; n < tokens; ++n) {
          for (size_t c = 0; c < dim; ++c) keys.at(path[n], c) = alone.keys.at(n, c);
        }
        CHECK(same_bits(shared.keys, keys));
        CHECK(shared.keys.guards_intact());
        CHECK(shared.values.guards_intact());
      }
    }
  });
}

}  // namespace linnet::test
