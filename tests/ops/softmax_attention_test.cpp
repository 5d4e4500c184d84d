#include "runtime/kernels/softmax_attention.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

struct Shape {
  size_t tokens = 0;
  size_t capacity = 0;
  size_t queries_per_head = 1;
  size_t head_dim = 8;
  size_t value_dim = 8;
};

struct Case {
  explicit Case(const Shape& with)
      : shape(with),
        query(with.tokens, with.queries_per_head * with.head_dim),
        key(with.tokens, with.head_dim),
        value(with.tokens, with.value_dim),
        key_ring(with.capacity, with.head_dim),
        value_ring(with.capacity, with.value_dim),
        output(with.tokens, with.queries_per_head * with.value_dim),
        scratch(1, kernels::softmax_attention_scratch()) {
    std::mt19937 random(11);
    query.fill(random, 2.0f);
    key.fill(random);
    value.fill(random);
    // What lies in rows not yet written must not matter.
    key_ring.fill_with(NAN);
    value_ring.fill_with(NAN);
    output.fill_with(NAN);
  }

  kernels::SoftmaxAttentionHead head(size_t first, size_t tokens) {
    kernels::SoftmaxAttentionHead head;
    head.position = first;
    head.tokens = tokens;
    head.capacity = shape.capacity;
    head.queries_per_head = shape.queries_per_head;
    head.head_dim = shape.head_dim;
    head.value_dim = shape.value_dim;
    head.query = query.in(first);
    head.key = key.in(first);
    head.value = value.in(first);
    head.key_ring = key_ring.out();
    head.value_ring = value_ring.out();
    head.output = output.out(first);
    head.scale = 0.4f;
    head.scratch = scratch.data();
    return head;
  }

  /// All tokens in chunks of the given sizes, the last one repeated.
  Case& run(std::vector<size_t> chunks) {
    size_t first = 0;
    for (size_t i = 0; first < shape.tokens; ++i) {
      const size_t chunk = chunks[std::min(i, chunks.size() - 1)];
      const size_t count = std::min(chunk, shape.tokens - first);
      kernels::softmax_attention(head(first, count));
      first += count;
    }
    return *this;
  }

  bool guards_intact() const {
    return key_ring.guards_intact() && value_ring.guards_intact() && output.guards_intact() &&
           scratch.guards_intact();
  }

  Shape shape;
  TestRows query, key, value, key_ring, value_ring, output, scratch;
};

Case expected_of(const Shape& shape) {
  Case expected(shape);
  reference::softmax_attention(expected.head(0, shape.tokens));
  return expected;
}

/// Once against the definition, then in other chunks against the bits of that.
void check_attention(const Shape& shape, const std::vector<std::vector<size_t>>& chunkings) {
  CAPTURE(shape.tokens);
  CAPTURE(shape.capacity);
  CAPTURE(shape.queries_per_head);
  CAPTURE(shape.head_dim);
  CAPTURE(shape.value_dim);
  const Case expected = expected_of(shape);
  Case whole(shape);
  whole.run({std::max<size_t>(1, shape.tokens)});
  CHECK(largest_difference(whole.output, expected.output) < 1e-5);
  CHECK(same_bits(whole.key_ring, expected.key_ring));
  CHECK(same_bits(whole.value_ring, expected.value_ring));
  CHECK(whole.guards_intact());
  for (const std::vector<size_t>& chunks : chunkings) {
    CAPTURE(chunks[0]);
    Case pieces(shape);
    pieces.run(chunks);
    CHECK(same_bits(pieces.output, whole.output));
    CHECK(same_bits(pieces.key_ring, whole.key_ring));
    CHECK(same_bits(pieces.value_ring, whole.value_ring));
    CHECK(pieces.guards_intact());
  }
}

}  // namespace

TEST_CASE("softmax attention: every head size") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      check_attention({5, 16, 2, n, 35 - n}, {{1}, {3, 2}});
    }
    check_attention({3, 8, 1, 128, 256}, {{1}});
    check_attention({3, 8, 1, 80, 81}, {{1}});
  });
}

TEST_CASE("softmax attention: query heads that share a key head") {
  for_each_target([] {
    for (const size_t queries : {1, 2, 3, 7, 40}) {
      check_attention({11, 64, queries}, {{1}, {4, 7}});
    }
  });
}

TEST_CASE("softmax attention: many blocks of keys") {
  for_each_target([] { check_attention({300, 400, 3}, {{1}, {64}, {100, 1, 77}}); });
}

TEST_CASE("softmax attention: the ring wraps around") {
  for_each_target([] {
    // A capacity that divides a block of keys and one that does not; chunks that cross the end of
    // the ring, and chunks larger than the ring.
    for (const size_t capacity : {1, 2, 7, 32, 64, 65, 130}) {
      check_attention({200, capacity, 2}, {{1}, {5}, {capacity}, {capacity + 1}, {50, 3, 120}});
    }
  });
}

TEST_CASE("softmax attention: large scores neither overflow nor lose the rest") {
  for_each_target([] {
    const Shape shape = {70, 80, 1};
    Case expected(shape), actual(shape);
    for (Case* side : {&expected, &actual}) {
      std::mt19937 random(2);
      side->query.fill(random, 60.0f);
      side->key.fill(random, 60.0f);
    }
    reference::softmax_attention(expected.head(0, 70));
    actual.run({70});
    // A score of thousands has an error of a few ten-thousandths, and so has its exponential.
    CHECK(largest_difference(actual.output, expected.output) < 1e-2);
  });
}

}  // namespace linnet::test
