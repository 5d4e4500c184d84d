#include "runtime/kernels/softmax_attention.h"

#include <algorithm>
#include <utility>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/softmax_attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/softmax_attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// The query rows that share the reading of a block of keys: the query heads of one token after
/// another.
struct QueryRows {
  size_t count = 0;
  size_t tokens[block_rows];
  size_t heads[block_rows];  ///< of the query heads that share the keys
  const float* queries[block_rows];
  float* outputs[block_rows];
  float* scores = nullptr;       ///< [count, block_keys]
  float* maxima = nullptr;       ///< [count]
  float* sums = nullptr;         ///< [count]
  float* corrections = nullptr;  ///< [count]
  float* packed = nullptr;       ///< [block_keys, block_columns]
};

/// From this many rows on, values are copied to where they lie densely: read from rows far apart,
/// they evict each other from L1.
constexpr size_t pack_rows = 8;

/// Keys that a token sees, as numbers of tokens from the start of the stream.
struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;

  /// The part of it in the block of keys that starts at `block`, relative to that.
  KeySpan within(uint64_t block) const {
    const uint64_t first = std::max(begin, block);
    const uint64_t last = std::min<uint64_t>(end, block + block_keys);
    if (first >= last) return {0, 0};
    return {static_cast<size_t>(first - block), static_cast<size_t>(last - block)};
  }
};

class Attention {
 public:
  explicit Attention(const SoftmaxAttentionHead& head) : head_(head) {
    float* next = head.scratch;
    const auto take = [&next](size_t n) { return std::exchange(next, next + n); };
    rows_.scores = take(block_rows * block_keys);
    rows_.maxima = take(block_rows);
    rows_.sums = take(block_rows);
    rows_.corrections = take(block_rows);
    rows_.packed = take(block_keys * block_columns);
  }

  void run() {
    const size_t rows = head_.tokens * head_.queries_per_head;
    for (size_t first = 0; first < rows; first += block_rows) {
      start_rows(first, std::min(block_rows, rows - first));
      run_rows();
    }
    write_rings();
  }

 private:
  void start_rows(size_t first, size_t count) {
    rows_.count = count;
    for (size_t i = 0; i < count; ++i) {
      const size_t token = (first + i) / head_.queries_per_head;
      const size_t query = (first + i) % head_.queries_per_head;
      rows_.tokens[i] = token;
      rows_.heads[i] = query;
      rows_.queries[i] = head_.query[token] + query * head_.head_dim;
      rows_.outputs[i] = head_.output[token] + query * head_.value_dim;
      rows_.maxima[i] = lowest_score;
      rows_.sums[i] = 0.0f;
      std::fill_n(rows_.outputs[i], head_.value_dim, 0.0f);
    }
  }

  /// Where the memory begins that the segment of token `now` has.
  uint64_t memory_begin(uint64_t now) const {
    if (head_.segment == 0) return 0;
    const uint64_t segment = now / head_.segment * head_.segment;
    const uint64_t memory = head_.capacity > head_.segment ? head_.capacity - head_.segment : 0;
    return segment > memory ? segment - memory : 0;
  }

  Range visible(size_t row) const {
    const size_t token = rows_.tokens[row];
    switch (head_.mask) {
      case AttentionMask::causal: {
        const uint64_t end = head_.position + token + 1;
        const uint64_t kept = end > head_.capacity ? end - head_.capacity : 0;
        return {std::max(kept, memory_begin(end - 1)), end};
      }
      case AttentionMask::all:
        if (head_.window == 0) return {0, head_.tokens};
        return {token > head_.window ? token - head_.window : 0,
                std::min<uint64_t>(head_.tokens, uint64_t{token} + head_.window + 1)};
      case AttentionMask::cross:
        break;
    }
    return {0, head_.capacity};
  }

  void run_rows() {
    const Range all = {visible(0).begin, visible(rows_.count - 1).end};
    // Blocks begin at multiples of their size counted from the start of the stream, so that a
    // token's sums are made in the same order whatever chunk it came in.
    for (uint64_t block = all.begin / block_keys * block_keys; block < all.end;
         block += block_keys) {
      for (size_t i = 0; i < rows_.count; ++i) spans_[i] = visible(i).within(block);
      const KeySpan span = all.within(block);
      find_keys(block, span);
      score(span);
      for (size_t i = 0; i < rows_.count; ++i) {
        if (head_.position_query) add_positions(block, i);
        if (head_.token_types != nullptr) add_types(block, i);
        if (head_.bias) add_bias(block, i);
        soften_scores(head_.bias ? 1.0f : head_.scale, spans_[i], rows_.scores + i * block_keys,
                      rows_.maxima[i], rows_.sums[i], rows_.corrections[i]);
      }
      add(span);
    }
    for (size_t i = 0; i < rows_.count; ++i) {
      scale_row(1.0f / rows_.sums[i], rows_.outputs[i], head_.value_dim);
    }
  }

  /// scores = scale * scores + bias, of what row i sees.
  void add_bias(uint64_t block, size_t row) {
    const KeySpan seen = spans_[row];
    const auto reach = static_cast<int64_t>(head_.bias_reach);
    const auto query = static_cast<int64_t>(head_.position + rows_.tokens[row]);
    const float* bias = head_.bias[rows_.heads[row]] + reach;
    float* scores = rows_.scores + row * block_keys;
    for (size_t j = seen.begin; j < seen.end; ++j) {
      const int64_t distance = static_cast<int64_t>(block + j) - query;
      scores[j] = head_.scale * scores[j] + bias[std::clamp(distance, -reach, reach)];
    }
  }

  /// scores += p . r by distance, of what row i sees.
  void add_positions(uint64_t block, size_t row) {
    const KeySpan seen = spans_[row];
    const size_t head = rows_.heads[row] * head_.head_dim;
    const float* query = head_.position_query[rows_.tokens[row]] + head;
    const auto now = static_cast<int64_t>(head_.position + rows_.tokens[row]);
    const auto stride = static_cast<int64_t>(head_.position_keys.stride);
    float* scores = rows_.scores + row * block_keys;
    for (size_t j = seen.begin & ~size_t{3}; j < seen.end; j += 4) {
      const float* keys[4];
      for (size_t k = 0; k < 4; ++k) {
        const int64_t distance = now - static_cast<int64_t>(block + j + k);
        keys[k] = head_.position_keys.data + head +
                  std::clamp(distance, head_.nearest, head_.farthest) * stride;
      }
      float products[4];
      score_four<1>(query, nullptr, head_.head_dim, keys, products);
      for (size_t k = 0; k < 4; ++k) scores[j + k] += products[k];
    }
  }

  /// scores += one of two numbers, of what row i sees.
  void add_types(uint64_t block, size_t row) {
    const KeySpan seen = spans_[row];
    const int32_t type = head_.token_types[rows_.tokens[row]];
    const float* pair = head_.type_scores[rows_.tokens[row]] + 2 * rows_.heads[row];
    float* scores = rows_.scores + row * block_keys;
    for (size_t j = seen.begin; j < seen.end; ++j) {
      scores[j] += head_.token_types[block + j] == type ? pair[0] : pair[1];
    }
  }

  bool is_in_ring(uint64_t number) const {
    return head_.mask == AttentionMask::cross ||
           (head_.mask == AttentionMask::causal && number < head_.position);
  }

  size_t ring_rows() const { return head_.capacity + head_.spare_rows; }

  size_t ring_row(uint64_t number) const {
    return head_.path != nullptr ? head_.path[number] : static_cast<size_t>(number % ring_rows());
  }

  /// Older tokens lie in the rings, those of this chunk still in the inputs: the rings are written
  /// last, so that nothing that is seen has been overwritten.
  void find_keys(uint64_t block, KeySpan span) {
    for (size_t j = span.begin; j < span.end; ++j) {
      const uint64_t number = block + j;
      if (is_in_ring(number)) {
        const size_t row = ring_row(number);
        keys_[j] = head_.key_ring[row];
        values_[j] = head_.value_ring[row];
      } else {
        const auto t = static_cast<size_t>(number - head_.position);
        keys_[j] = head_.key[t];
        values_[j] = head_.value[t];
      }
    }
    // Scores are made four at a time; those of unseen keys are not used, but read something.
    for (size_t j = span.begin & ~size_t{3}; j < span.begin; ++j) keys_[j] = keys_[span.begin];
    for (size_t j = span.end; j % 4 != 0; ++j) keys_[j] = keys_[span.end - 1];
  }

  bool has_pair(size_t i) const { return i + 1 < rows_.count; }

  /// The keys of the block that row i sees, or the next one, with which it shares its loads.
  KeySpan pair_span(size_t i) const {
    return has_pair(i) ? spans_[i].hull(spans_[i + 1]) : spans_[i];
  }

  /// scores[row, j] = q_row . k_j, for four keys in L1 after another.
  void score(KeySpan span) {
    for (size_t j = span.begin & ~size_t{3}; j < span.end; j += 4) {
      for (size_t i = 0; i < rows_.count; i += 2) {
        const KeySpan seen = pair_span(i);
        if (seen.begin >= j + 4 || seen.end <= j) continue;
        float* scores = rows_.scores + i * block_keys + j;
        if (has_pair(i)) {
          score_four<2>(rows_.queries[i], rows_.queries[i + 1], head_.head_dim, keys_ + j, scores);
        } else {
          score_four<1>(rows_.queries[i], nullptr, head_.head_dim, keys_ + j, scores);
        }
      }
    }
  }

  /// Adds the values of the block to all rows, one range of columns after another.
  void add(KeySpan span) {
    for (size_t column = 0; column < head_.value_dim; column += block_columns) {
      const size_t count = std::min(block_columns, head_.value_dim - column);
      if (rows_.count < pack_rows) {
        add_columns(values_, column, column, count);
        continue;
      }
      const float* packed[block_keys];
      for (size_t j = span.begin; j < span.end; ++j) {
        packed[j] = rows_.packed + j * block_columns;
        std::copy_n(values_[j] + column, count, rows_.packed + j * block_columns);
      }
      add_columns(packed, 0, column, count);
    }
  }

  void add_columns(const float* const* values, size_t value_column, size_t column, size_t count) {
    for (size_t i = 0; i < rows_.count; i += 2) {
      const KeySpan seen = pair_span(i);
      if (seen.empty()) continue;
      const float* scores = rows_.scores + i * block_keys;
      const float* corrections = rows_.corrections + i;
      float* y = rows_.outputs[i] + column;
      if (has_pair(i)) {
        add_values<2>(scores, values, seen, value_column, count, corrections, y,
                      rows_.outputs[i + 1] + column);
      } else {
        add_values<1>(scores, values, seen, value_column, count, corrections, y, nullptr);
      }
    }
  }

  void write_rings() const {
    if (head_.mask != AttentionMask::causal) return;
    const size_t kept = std::min(head_.tokens, ring_rows());
    for (size_t t = head_.tokens - kept; t < head_.tokens; ++t) {
      const size_t row = ring_row(head_.position + t);
      std::copy_n(head_.key[t], head_.head_dim, head_.key_ring[row]);
      std::copy_n(head_.value[t], head_.value_dim, head_.value_ring[row]);
    }
  }

  const SoftmaxAttentionHead& head_;
  QueryRows rows_;
  KeySpan spans_[block_rows];  ///< what each row sees of the block of keys at hand
  const float* keys_[block_keys];
  const float* values_[block_keys];
};

void softmax_attention(const SoftmaxAttentionHead& head) { Attention(head).run(); }

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(softmax_attention);

void softmax_attention(const SoftmaxAttentionHead& head) {
  HWY_DYNAMIC_DISPATCH(softmax_attention)(head);
}

size_t softmax_attention_scratch() {
  return attention_block_rows * (attention_block_keys + 3) +
         attention_block_keys * attention_block_columns;
}

}  // namespace linnet::kernels
#endif
