// Softmax attention beyond a causal ring: whole texts, encoded texts, segments with a memory, and
// what is added to the scores by position and by token type.

#include "runtime/kernels/softmax_attention.h"
#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {
namespace {

struct Shape {
  size_t tokens = 0;
  AttentionMask mask = AttentionMask::causal;
  size_t capacity = 0;  ///< rows of the states
  size_t window = 0;
  size_t segment = 0;
  size_t queries_per_head = 2;
  size_t head_dim = 9;
  size_t value_dim = 7;
  size_t bias_reach = 0;  ///< 0: no bias
  size_t farthest = 0;    ///< 0: no relative positions
  bool has_types = false;
};

/// Inputs and outputs of a head, all of them random but for the output.
class Case {
 public:
  explicit Case(const Shape& shape)
      : shape_(shape),
        query_(shape.tokens, queries()),
        key_(shape.tokens, shape.head_dim),
        value_(shape.tokens, shape.value_dim),
        key_ring_(shape.capacity, shape.head_dim),
        value_ring_(shape.capacity, shape.value_dim),
        output_(shape.tokens, shape.queries_per_head * shape.value_dim),
        bias_(shape.queries_per_head, 2 * shape.bias_reach + 1),
        position_query_(shape.tokens, queries()),
        position_keys_(2 * shape.farthest + 1, queries()),
        type_scores_(shape.tokens, 2 * shape.queries_per_head),
        scratch_(1, kernels::softmax_attention_scratch()) {
    std::mt19937 random(5);
    for (TestRows* rows : {&query_, &key_, &value_, &key_ring_, &value_ring_, &bias_,
                           &position_query_, &position_keys_, &type_scores_}) {
      rows->fill(random);
    }
    for (size_t i = 0; i < shape.tokens; ++i) types_.push_back(static_cast<int32_t>(random() % 3));
    output_.fill_with(NAN);
    scratch_.fill_with(NAN);
  }

  kernels::SoftmaxAttentionHead head(size_t first, size_t tokens) {
    const bool is_causal = shape_.mask == AttentionMask::causal;
    kernels::SoftmaxAttentionHead head;
    head.mask = shape_.mask;
    head.position = is_causal ? first : 0;
    head.tokens = tokens;
    head.capacity = shape_.capacity;
    head.window = shape_.window;
    head.segment = shape_.segment;
    head.queries_per_head = shape_.queries_per_head;
    head.head_dim = shape_.head_dim;
    head.value_dim = shape_.value_dim;
    head.scale = 0.4f;
    head.query = query_.in(first);
    if (shape_.mask != AttentionMask::cross) {
      head.key = key_.in(first);
      head.value = value_.in(first);
    }
    if (shape_.mask != AttentionMask::all) {
      head.key_ring = key_ring_.out();
      head.value_ring = value_ring_.out();
    }
    head.output = output_.out(first);
    head.scratch = scratch_.data();
    if (shape_.bias_reach > 0) {
      head.bias = bias_.in();
      head.bias_reach = shape_.bias_reach;
    }
    if (shape_.farthest > 0) {
      head.position_query = position_query_.in(first);
      head.position_keys = position_keys_.in(shape_.farthest);
      head.farthest = static_cast<int64_t>(shape_.farthest);
      head.nearest = is_causal ? 0 : -head.farthest;
    }
    if (shape_.has_types) {
      head.token_types = types_.data();
      head.type_scores = type_scores_.in(first);
    }
    return head;
  }

  const TestRows& output() const { return output_; }
  bool guards_intact() const {
    return key_ring_.guards_intact() && value_ring_.guards_intact() && output_.guards_intact() &&
           scratch_.guards_intact();
  }

 private:
  size_t queries() const { return shape_.queries_per_head * shape_.head_dim; }

  Shape shape_;
  TestRows query_, key_, value_, key_ring_, value_ring_, output_;
  TestRows bias_, position_query_, position_keys_, type_scores_, scratch_;
  std::vector<int32_t> types_;
};

/// Sums of a few hundred products in float, beside double.
constexpr double tolerance = 1e-5;

void check_whole(const Shape& shape) {
  CAPTURE(shape.tokens);
  CAPTURE(shape.capacity);
  CAPTURE(shape.head_dim);
  CAPTURE(shape.window);
  CAPTURE(shape.segment);
  Case expected(shape), actual(shape);
  reference::softmax_attention(expected.head(0, shape.tokens));
  kernels::softmax_attention(actual.head(0, shape.tokens));
  CHECK(largest_difference(actual.output(), expected.output()) < tolerance);
  CHECK(actual.guards_intact());
}

/// A stream has the same bits in whatever chunks it comes.
void check_stream(const Shape& shape, const std::vector<size_t>& chunks) {
  check_whole(shape);
  Case whole(shape);
  kernels::softmax_attention(whole.head(0, shape.tokens));
  for (const size_t chunk : chunks) {
    CAPTURE(chunk);
    Case pieces(shape);
    for (size_t first = 0; first < shape.tokens; first += chunk) {
      kernels::softmax_attention(pieces.head(first, std::min(chunk, shape.tokens - first)));
    }
    CHECK(same_bits(pieces.output(), whole.output()));
    CHECK(pieces.guards_intact());
  }
}

}  // namespace

TEST_CASE("attention over a whole text, and over a window on both sides") {
  for_each_target([] {
    for (const size_t tokens : {1, 2, 31, 64, 65, 150}) {
      for (const size_t window : {0, 1, 5, 64, 200}) {
        check_whole({.tokens = tokens, .mask = AttentionMask::all, .window = window});
      }
    }
  });
}

TEST_CASE("attention over an encoded text") {
  for_each_target([] {
    for (const size_t source : {1, 3, 64, 100}) {
      check_stream({.tokens = 9, .mask = AttentionMask::cross, .capacity = source}, {1, 4});
    }
  });
}

TEST_CASE("attention with a bias by distance, near and far") {
  for_each_target([] {
    for (const size_t reach : {1, 7, 300}) {
      check_whole({.tokens = 130, .mask = AttentionMask::all, .bias_reach = reach});
      check_stream({.tokens = 130, .capacity = 40, .bias_reach = reach}, {1, 33});
    }
  });
}

TEST_CASE("a token sees its segment and the memory before that") {
  for_each_target([] {
    // Memories longer and shorter than a segment, none, and rings that hold not even a segment.
    for (const size_t capacity : {12, 13, 17, 24, 60, 100, 5}) {
      check_stream({.tokens = 120, .capacity = capacity, .segment = 12}, {1, 7, 12, 50});
    }
    check_stream({.tokens = 40, .capacity = 64, .segment = 64}, {1, 9});
  });
}

TEST_CASE("attention with relative positions, at every head size") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      check_stream({.tokens = 9, .capacity = 16, .head_dim = n, .farthest = 16}, {1, 4});
      check_whole({.tokens = 9, .mask = AttentionMask::all, .head_dim = n, .farthest = 8});
    }
  });
}

TEST_CASE("distances beyond the position keys count as the farthest") {
  for_each_target([] {
    for (const size_t farthest : {1, 3, 64, 149}) {
      check_stream({.tokens = 150, .capacity = 70, .segment = 30, .farthest = farthest}, {1, 40});
      check_whole({.tokens = 150, .mask = AttentionMask::all, .farthest = farthest});
    }
  });
}

TEST_CASE("attention tells token types apart, beside positions or alone") {
  for_each_target([] {
    for (const size_t tokens : {1, 33, 100}) {
      check_whole({.tokens = tokens, .mask = AttentionMask::all, .has_types = true});
      check_whole({.tokens = tokens,
                   .mask = AttentionMask::all,
                   .queries_per_head = 1,
                   .bias_reach = 4,
                   .farthest = tokens,
                   .has_types = true});
    }
  });
}

}  // namespace linnet::test
