#include "runtime/ops/fast_weight.h"

#include <algorithm>

#include "runtime/ops/parallel.h"

namespace linnet {
namespace {

enum Input : size_t {
  query,
  key,
  value,
  decay,
  beta,
  correct,
  write,
  bonus,
  state,
  normalizer,
  input_count,
  normalizer_floor = input_count,  // an input only where it is there
  most_inputs
};

struct HeadSizes {
  size_t key_dim = 0;
  size_t value_dim = 0;
};

HeadSizes sizes_of(const FastWeightAttributes& attributes, const Tensor& key_tensor,
                   const Tensor& output) {
  return {.key_dim = key_tensor.columns().number() / attributes.key_heads,
          .value_dim = output.columns().number() / attributes.heads};
}

const Dimension token_rows(Dimension::Kind::tokens);

Status check_optional(const Site& site, bool is_wanted, Input input, const char* role,
                      size_t columns) {
  if (is_wanted) return site.expect_activation(site.input(input), role, token_rows, columns);
  return site.input(input) == nullptr ? Status::ok()
                                      : site.fail("has an input that its write rule does not use");
}

/// Of decays and write strengths: a row for every token, or one for all.
Status check_factor(const Site& site, bool is_wanted, Input input, const char* role,
                    size_t columns) {
  const Tensor* tensor = site.input(input);
  if (is_wanted && tensor != nullptr && tensor->storage == Storage::weight)
    return site.expect_weight(tensor, role, {columns});
  return check_optional(site, is_wanted, input, role, columns);
}

/// Numbers of the decay per head and token.
size_t decay_columns(DecayKind kind, const HeadSizes& sizes) {
  switch (kind) {
    case DecayKind::none:
      break;
    case DecayKind::per_head:
      return 1;
    case DecayKind::per_key_channel:
      return sizes.key_dim;
    case DecayKind::per_value_channel:
      return sizes.value_dim;
  }
  return 0;
}

/// Whether a memory that is no state, so that no tensor's check has bounded it, has a size at all.
bool is_reasonable(const FastWeightAttributes& attributes, const HeadSizes& sizes) {
  constexpr size_t most_floats = size_t{1} << (sizeof(size_t) > sizeof(uint32_t) ? 32 : 28);
  return sizes.value_dim <= most_floats / attributes.heads / sizes.key_dim;
}

/// The floats of scratch, one part behind the other.
struct ScratchSizes {
  size_t read_factors = 0;
  size_t state = 0;
  size_t normalizer = 0;

  ScratchSizes(const FastWeightAttributes& attributes, const HeadSizes& sizes,
               const Extents& largest) {
    if (attributes.normalize) read_factors = attributes.heads * largest.tokens;
    if (attributes.read != ReadOrder::after_all) return;
    state = attributes.heads * sizes.key_dim * sizes.value_dim;
    if (attributes.normalize) normalizer = attributes.heads * sizes.key_dim;
  }
  size_t total() const { return read_factors + state + normalizer; }
};

/// What the normaliser needs beside its state.
Status check_normalizer(const Site& site, const FastWeightAttributes& attributes) {
  if (attributes.normalize && attributes.decay == DecayKind::per_value_channel) {
    return site.fail("has a normalizer, which cannot decay per value channel");
  }
  if (site.inputs() < most_inputs) return Status::ok();
  if (!attributes.normalize) return site.fail("has a floor that it does not use");
  return site.expect_activation(site.input(normalizer_floor), "floor", token_rows,
                                attributes.heads);
}

Status check_states(const Site& site, const FastWeightAttributes& attributes,
                    const HeadSizes& sizes) {
  if (attributes.read == ReadOrder::after_all) {
    if (site.input(state) != nullptr || site.input(normalizer) != nullptr)
      return site.fail("has a state, though it forgets every chunk");
    return is_reasonable(attributes, sizes) ? Status::ok()
                                            : site.fail("has a memory beyond all bounds");
  }
  const Dimension heads(attributes.heads);
  const Status status = site.expect_state(
      site.input(state), "state", {heads, Dimension(sizes.key_dim), Dimension(sizes.value_dim)});
  if (status.failed()) return status;
  if (attributes.normalize) {
    return site.expect_state(site.input(normalizer), "normalizer state",
                             {heads, Dimension(sizes.key_dim)});
  }
  return site.input(normalizer) == nullptr
             ? Status::ok()
             : site.fail("has a normalizer state that it does not use");
}

}  // namespace

Status FastWeight::check(const Site& site) {
  Status status = site.expect_counts(site.inputs() == most_inputs ? most_inputs : input_count, 1);
  if (status.failed()) return status;
  const auto& attributes = site.attributes<FastWeightAttributes>();
  const size_t heads = attributes.heads;
  if (heads == 0 || attributes.key_heads == 0 || heads % attributes.key_heads != 0) {
    return site.fail("has heads that its key heads do not divide");
  }
  const Tensor& output = site.output(0);
  const Tensor* keys = site.input(key);
  if (keys == nullptr || keys->rank != 2 || keys->columns().number() % attributes.key_heads != 0 ||
      keys->columns().number() == 0 || output.columns().number() % heads != 0 ||
      output.columns().number() == 0) {
    return site.fail("has columns that its heads do not divide");
  }
  const HeadSizes sizes = sizes_of(attributes, *keys, output);
  const size_t key_columns = attributes.key_heads * sizes.key_dim;
  const bool is_rank_one = attributes.rule == WriteRule::rank_one;
  status = site.expect_activation(&output, "output", token_rows, heads * sizes.value_dim);
  if (!status.failed())
    status = site.expect_activation(site.input(query), "query", token_rows, key_columns);
  if (!status.failed()) status = site.expect_activation(keys, "key", token_rows, key_columns);
  if (!status.failed()) {
    status =
        site.expect_activation(site.input(value), "value", token_rows, heads * sizes.value_dim);
  }
  if (!status.failed()) {
    status = check_factor(site, attributes.decay != DecayKind::none, decay, "decay",
                          heads * decay_columns(attributes.decay, sizes));
  }
  if (!status.failed())
    status = check_factor(site, attributes.rule == WriteRule::delta, beta, "beta", heads);
  if (!status.failed())
    status = check_optional(site, is_rank_one, correct, "a", heads * sizes.key_dim);
  if (!status.failed())
    status = check_optional(site, is_rank_one, write, "b", heads * sizes.key_dim);
  if (!status.failed())
    status = site.expect_optional_weight(site.input(bonus), "bonus", {heads * sizes.key_dim});
  if (!status.failed()) status = check_normalizer(site, attributes);
  if (status.failed()) return status;
  return check_states(site, attributes, sizes);
}

size_t FastWeight::scratch_bytes(const Site& site, const Extents& largest) {
  const auto& attributes = site.attributes<FastWeightAttributes>();
  const HeadSizes sizes = sizes_of(attributes, *site.input(key), site.output(0));
  return ScratchSizes(attributes, sizes, largest).total() * sizeof(float);
}

Status FastWeight::prepare(const Bindings& bindings) {
  attributes_ = *std::get_if<FastWeightAttributes>(&bindings.op().attributes);
  const HeadSizes sizes =
      sizes_of(attributes_, bindings.input_tensor(key), bindings.output_tensor(0));
  const auto optional_rows = [&](Input input) {
    return bindings.has_input(input) ? bindings.input_rows(input) : kernels::ConstRows{};
  };
  threads_ = bindings.threads();
  largest_tokens_ = bindings.largest().tokens;
  all_.key_dim = sizes.key_dim;
  all_.value_dim = sizes.value_dim;
  all_.query = bindings.input_rows(query);
  all_.key = bindings.input_rows(key);
  all_.value = bindings.input_rows(value);
  all_.decay = optional_rows(decay);
  all_.beta = optional_rows(beta);
  all_.correct = optional_rows(correct);
  all_.write = optional_rows(write);
  all_.bonus = bindings.input<const float>(bonus);
  all_.floor = optional_rows(normalizer_floor);
  all_.state = {bindings.input<float>(state), sizes.value_dim};
  all_.output = bindings.output_rows(0);
  all_.scale = attributes_.scale;
  all_.decay_kind = attributes_.decay;
  all_.rule = attributes_.rule;
  all_.read = attributes_.read;
  all_.squash = attributes_.squash;
  all_.correct_before_decay = attributes_.correct_before_decay;
  normalizer_ = bindings.input<float>(normalizer);
  const ScratchSizes scratch(attributes_, sizes, bindings.largest());
  auto* floats = reinterpret_cast<float*>(bindings.scratch());
  if (attributes_.normalize) read_factors_ = floats;
  if (attributes_.read == ReadOrder::after_all) {
    all_.state.data = floats + scratch.read_factors;
    forgotten_ = {all_.state.data, scratch.state + scratch.normalizer};
    if (attributes_.normalize) normalizer_ = all_.state.data + scratch.state;
  }
  return Status::ok();
}

kernels::FastWeightHead FastWeight::head(size_t index, const Chunk& chunk, size_t text) const {
  kernels::FastWeightHead head = all_;
  const TextRows own = chunk.texts[text];
  const size_t key_head = index / (attributes_.heads / attributes_.key_heads);
  const auto move = [&](kernels::ConstRows& rows, size_t columns) {
    if (rows) rows.data = rows[own.first] + columns;
  };
  head.tokens = own.count;
  move(head.query, key_head * all_.key_dim);
  move(head.key, key_head * all_.key_dim);
  move(head.value, index * all_.value_dim);
  move(head.decay, index * decay_columns(attributes_.decay, {all_.key_dim, all_.value_dim}));
  move(head.beta, index);
  move(head.floor, index);
  move(head.correct, index * all_.key_dim);
  move(head.write, index * all_.key_dim);
  if (head.bonus != nullptr) head.bonus += index * all_.key_dim;
  if (read_factors_ != nullptr) {
    head.read_factor = read_factors_ + index * largest_tokens_ + own.first;
  }
  if (forgotten_.empty()) head.state.data = chunk.state_of(text, head.state.data);
  head.state.data += index * all_.key_dim * all_.value_dim;
  head.output.data = head.output[own.first] + index * all_.value_dim;
  return head;
}

void FastWeight::normalize(const Chunk& chunk, size_t text) {
  float* z = forgotten_.empty() ? chunk.state_of(text, normalizer_) : normalizer_;
  const size_t first = chunk.texts[text].first;
  for (size_t i = 0; i < attributes_.heads; ++i) {
    kernels::fast_weight_normalizer(
        head(i, chunk, text), z + i * all_.key_dim, attributes_.normalizer_epsilon,
        attributes_.normalizer_query_epsilon, read_factors_ + i * largest_tokens_ + first);
  }
}

/// Texts [first, first + count), each with a state of its own.
void FastWeight::run_texts(const Chunk& chunk, size_t first, size_t count) {
  size_t tokens = 0;
  for (size_t text = first; text < first + count; ++text) {
    if (attributes_.normalize) normalize(chunk, text);
    tokens += chunk.texts[text].count;
  }
  const size_t block = kernels::fast_weight_block();
  const size_t blocks = (all_.value_dim + block - 1) / block;
  const size_t parts = attributes_.heads * blocks;
  const size_t work = tokens * attributes_.heads * all_.key_dim * all_.value_dim * 2;
  parallel_for(threads_, count * parts, work, [&](size_t begin, size_t some) {
    for (size_t i = begin; i < begin + some; ++i) {
      const size_t column = i % blocks * block;
      kernels::fast_weight(head(i % parts / blocks, chunk, first + i / parts), column,
                           std::min(block, all_.value_dim - column));
    }
  });
}

Status FastWeight::run(const Chunk& chunk) {
  if (forgotten_.empty()) {
    run_texts(chunk, 0, chunk.texts.size());
    return Status::ok();
  }
  // A text's memory is the scratch that the next one needs.
  for (size_t text = 0; text < chunk.texts.size(); ++text) {
    std::fill(forgotten_.begin(), forgotten_.end(), 0.0f);
    run_texts(chunk, text, 1);
  }
  return Status::ok();
}

}  // namespace linnet
