#include "runtime/kernels/fast_weight.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

using kernels::FastWeightHead;

struct Rule {
  DecayKind decay = DecayKind::none;
  WriteRule rule = WriteRule::additive;
  ReadOrder read = ReadOrder::after_write;
  Squash squash = Squash::none;
  bool correct_before_decay = false;
};

std::vector<Rule> all_rules() {
  std::vector<Rule> rules;
  for (const auto decay : {DecayKind::none, DecayKind::per_head, DecayKind::per_key_channel,
                           DecayKind::per_value_channel}) {
    for (const auto rule : {WriteRule::additive, WriteRule::delta, WriteRule::rank_one}) {
      for (const auto read : {ReadOrder::after_write, ReadOrder::before_write}) {
        for (const auto squash : {Squash::none, Squash::tanh}) {
          for (const bool before : {false, true})
            rules.push_back({decay, rule, read, squash, before});
        }
      }
    }
  }
  return rules;
}

size_t decay_width(DecayKind kind, size_t key_dim, size_t value_dim) {
  if (kind == DecayKind::per_head) return 1;
  return kind == DecayKind::per_value_channel ? value_dim : key_dim;
}

/// Inputs as real models make them: keys of length one, decays just below one, so that the state
/// neither vanishes nor grows.
struct Case {
  Case(const Rule& with, size_t tokens, size_t key_dim, size_t value_dim, uint32_t seed = 1)
      : rule(with),
        query(tokens, key_dim),
        key(tokens, key_dim),
        value(tokens, value_dim),
        decay(tokens, decay_width(with.decay, key_dim, value_dim)),
        beta(tokens, 1),
        correct(tokens, key_dim),
        write(tokens, key_dim),
        bonus(1, key_dim),
        factor(1, tokens, 0),
        state(key_dim, value_dim),
        output(tokens, value_dim) {
    std::mt19937 random(seed);
    const float unit = 1.0f / std::sqrt(static_cast<float>(std::max<size_t>(1, key_dim)));
    query.fill(random);
    key.fill(random, unit);
    value.fill(random);
    decay.fill(random, 0.01f, 0.95f);
    beta.fill(random, 0.1f, 0.5f);
    correct.fill(random, unit);
    write.fill(random, 0.5f * unit);
    bonus.fill(random);
    factor.fill(random, 0.1f, 1.0f);
    state.fill(random, 0.5f);
    output.fill_with(0);
  }

  FastWeightHead head(size_t first = 0, size_t tokens = SIZE_MAX) {
    FastWeightHead head;
    head.tokens = std::min(tokens, query.rows() - first);
    head.key_dim = query.width();
    head.value_dim = value.width();
    head.query = query.in(first);
    head.key = key.in(first);
    head.value = value.in(first);
    head.scale = 0.7f;
    head.decay_kind = rule.decay;
    head.rule = rule.rule;
    head.read = rule.read;
    head.squash = rule.squash;
    head.correct_before_decay = rule.correct_before_decay;
    if (rule.decay != DecayKind::none) head.decay = decay.in(first);
    if (rule.rule == WriteRule::delta) head.beta = beta.in(first);
    if (rule.rule == WriteRule::rank_one) {
      head.correct = correct.in(first);
      head.write = write.in(first);
    }
    if (rule.read == ReadOrder::before_write) head.bonus = bonus.data();
    head.read_factor = factor.data() + first;
    head.state = state.out();
    head.output = output.out(first);
    return head;
  }

  bool guards_intact() const { return state.guards_intact() && output.guards_intact(); }

  Rule rule;
  TestRows query, key, value, decay, beta, correct, write, bonus, factor, state, output;
};

void check_same(const Case& a, const Case& b) {
  CHECK(same_bits(a.state, b.state));
  CHECK(same_bits(a.output, b.output));
}

void check_close(const Case& a, const Case& b, double tolerance = 1e-5) {
  CHECK(largest_difference(a.state, b.state) < tolerance);
  CHECK(largest_difference(a.output, b.output) < tolerance);
  CHECK(a.guards_intact());
}

void check_against_reference(const Rule& rule, size_t tokens, size_t key_dim, size_t value_dim) {
  CAPTURE(key_dim);
  CAPTURE(value_dim);
  CAPTURE(tokens);
  Case expected(rule, tokens, key_dim, value_dim);
  reference::fast_weight(expected.head());
  Case actual(rule, tokens, key_dim, value_dim);
  kernels::fast_weight(actual.head(), 0, value_dim);
  check_close(actual, expected);
}

}  // namespace

TEST_CASE("fast weight: every rule equals the recurrence at every width") {
  for_each_target([] {
    for (const Rule& rule : all_rules()) {
      CAPTURE(static_cast<int>(rule.decay));
      CAPTURE(static_cast<int>(rule.rule));
      CAPTURE(static_cast<int>(rule.read));
      CAPTURE(static_cast<int>(rule.squash));
      CAPTURE(rule.correct_before_decay);
      for (const size_t n : {0, 1, 2, 3, 7, 8, 15, 17, 33}) {
        check_against_reference(rule, 5, n, n);
        check_against_reference(rule, 1, 35 - n, n);
        check_against_reference(rule, 2, n, 35 - n);
      }
    }
    for (const size_t n : lengths()) {
      check_against_reference({DecayKind::per_head, WriteRule::delta}, 4, 16, n);
      check_against_reference({DecayKind::per_head, WriteRule::delta}, 4, n, 16);
    }
  });
}

TEST_CASE("fast weight: all tokens read what all have written, with every rule and width") {
  for_each_target([] {
    for (Rule rule : all_rules()) {
      if (rule.read != ReadOrder::after_write) continue;
      rule.read = ReadOrder::after_all;
      CAPTURE(static_cast<int>(rule.rule));
      for (const size_t n : {0, 1, 2, 3, 7, 8, 15, 17, 33}) {
        check_against_reference(rule, 5, n, n);
        check_against_reference(rule, 1, 35 - n, n);
      }
      check_against_reference(rule, 3, 300, 40);
    }
  });
}

TEST_CASE("fast weight: sizes of real heads, and rows beyond one tile") {
  const Rule delta = {DecayKind::per_head, WriteRule::delta};
  const Rule rwkv7 = {DecayKind::per_key_channel, WriteRule::rank_one, ReadOrder::after_write,
                      Squash::none, true};
  const Rule kimi = {DecayKind::per_key_channel, WriteRule::delta};
  const Rule squashed = {DecayKind::none, WriteRule::additive, ReadOrder::after_write,
                         Squash::tanh};
  for_each_target([&] {
    for (const size_t tokens : {1, 2, 9}) {
      check_against_reference(delta, tokens, 128, 128);
      check_against_reference(rwkv7, tokens, 64, 64);
      check_against_reference(kimi, tokens, 300, 40);
      check_against_reference(kimi, tokens, 600, 21);
      check_against_reference(squashed, tokens, 515, 7);
    }
  });
}

TEST_CASE("fast weight: a chunk leaves the same bits as its tokens one by one") {
  for_each_target([] {
    for (const Rule& rule : all_rules()) {
      for (const size_t width : {5, 16, 50}) {
        Case whole(rule, 7, 300, width);
        Case single(rule, 7, 300, width);
        Case pieces(rule, 7, 300, width);
        kernels::fast_weight(whole.head(), 0, width);
        for (size_t t = 0; t < 7; ++t) kernels::fast_weight(single.head(t, 1), 0, width);
        kernels::fast_weight(pieces.head(0, 2), 0, width);
        kernels::fast_weight(pieces.head(2, 5), 0, width);
        check_same(whole, single);
        check_same(whole, pieces);
      }
    }
  });
}

TEST_CASE("fast weight: blocks of columns in any split leave the same bits") {
  for_each_target([&] {
    for (const Rule& rule :
         {Rule{DecayKind::per_key_channel, WriteRule::rank_one},
          Rule{DecayKind::per_value_channel, WriteRule::rank_one},
          Rule{DecayKind::per_key_channel, WriteRule::rank_one, ReadOrder::after_all}}) {
      for (const size_t tokens : {1, 4}) {
        Case whole(rule, tokens, 24, 35);
        kernels::fast_weight(whole.head(), 0, 35);
        for (size_t cut = 0; cut <= 35; ++cut) {
          Case split(rule, tokens, 24, 35);
          kernels::fast_weight(split.head(), cut, 35 - cut);
          kernels::fast_weight(split.head(), 0, cut);
          check_same(whole, split);
          CHECK(split.guards_intact());
        }
      }
    }
    const size_t block = kernels::fast_weight_block();
    CHECK(block >= 16);
    CHECK(block <= 32);
  });
}

TEST_CASE("fast weight: a constant decay may be one row for all tokens") {
  for_each_target([] {
    for (const auto kind :
         {DecayKind::per_head, DecayKind::per_key_channel, DecayKind::per_value_channel}) {
      Case repeated({kind, WriteRule::additive}, 6, 20, 20);
      Case constant({kind, WriteRule::additive}, 6, 20, 20);
      for (size_t t = 1; t < 6; ++t) {
        for (size_t c = 0; c < repeated.decay.width(); ++c) {
          repeated.decay.at(t, c) = repeated.decay.at(0, c);
        }
      }
      kernels::fast_weight(repeated.head(), 0, 20);
      FastWeightHead head = constant.head();
      head.decay.stride = 0;
      kernels::fast_weight(head, 0, 20);
      check_same(repeated, constant);
    }
  });
}

TEST_CASE("fast weight: stays with the recurrence over thousands of tokens") {
  const size_t tokens = 4000;
  for_each_target([&] {
    for (const Rule& rule :
         {Rule{DecayKind::per_head, WriteRule::delta}, Rule{DecayKind::none, WriteRule::delta},
          Rule{DecayKind::per_key_channel, WriteRule::additive, ReadOrder::before_write}}) {
      Case expected(rule, tokens, 16, 8);
      Case actual(rule, tokens, 16, 8);
      reference::fast_weight(expected.head());
      kernels::fast_weight(actual.head(), 0, 8);
      check_close(actual, expected, 1e-4);
    }
  });
}

TEST_CASE("fast weight: the normaliser") {
  for_each_target([] {
    for (const auto kind : {DecayKind::none, DecayKind::per_head, DecayKind::per_key_channel}) {
      for (const size_t n : lengths()) {
        CAPTURE(n);
        const Rule rule = {kind, WriteRule::additive};
        Case inputs(rule, 5, n, 1);
        std::mt19937 random(3);
        // Feature maps are positive.
        inputs.key.fill(random, 0.1f, 1.0f);
        inputs.query.fill(random, 0.1f, 1.0f);
        TestRows z(1, n), expected_z(1, n), factor(1, 5), expected(1, 5), single(1, 5), z1(1, n);
        z.fill_with(0.5f);
        z1.fill_with(0.5f);
        expected_z.fill_with(0.5f);
        const FastWeightHead head = inputs.head();
        kernels::fast_weight_normalizer(head, z.data(), 0.01f, 0.02f, factor.data());
        reference::fast_weight_normalizer(head, expected_z.data(), 0.01f, 0.02f, expected.data());
        CHECK(largest_difference(z, expected_z) < 1e-6);
        CHECK(largest_difference(factor, expected) < 1e-4);
        CHECK(z.guards_intact());
        CHECK(factor.guards_intact());
        for (size_t t = 0; t < 5; ++t) {
          kernels::fast_weight_normalizer(inputs.head(t, 1), z1.data(), 0.01f, 0.02f,
                                          single.data() + t);
        }
        CHECK(same_bits(z, z1));
        CHECK(same_bits(factor, single));
      }
    }
  });
}

TEST_CASE("fast weight: a normaliser with a floor is never below it, whatever its sign") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      CAPTURE(n);
      Case inputs({DecayKind::per_head, WriteRule::additive}, 6, n, 1);
      TestRows floor(6, 1), z(1, n), expected_z(1, n), factor(1, 6), expected(1, 6);
      for (size_t t = 0; t < 6; ++t) floor.at(t, 0) = t % 2 == 0 ? 0.01f : 100.0f;
      z.fill_with(0.5f);
      expected_z.fill_with(0.5f);
      FastWeightHead head = inputs.head();
      head.floor = floor.in();
      kernels::fast_weight_normalizer(head, z.data(), 1e-3f, 0.0f, factor.data());
      reference::fast_weight_normalizer(head, expected_z.data(), 1e-3f, 0.0f, expected.data());
      // Sums of both signs may be small against their terms, and so their reciprocals err.
      for (size_t t = 0; t < 6; ++t) {
        const float want = expected.at(0, t);
        CHECK(std::abs(factor.at(0, t) - want) < 1e-3f * std::max(1.0f, want));
      }
      CHECK(factor.at(0, 1) == doctest::Approx(1 / 100.001).epsilon(1e-5));
      CHECK(factor.guards_intact());
    }
  });
}

TEST_CASE("fast weight: the normaliser of all tokens is of the last sum of keys") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      CAPTURE(n);
      Case inputs({DecayKind::per_key_channel, WriteRule::additive, ReadOrder::after_all}, 5, n, 1);
      std::mt19937 random(3);
      inputs.key.fill(random, 0.1f, 1.0f);
      inputs.query.fill(random, 0.1f, 1.0f);
      TestRows z(1, n), expected_z(1, n), factor(1, 5), expected(1, 5);
      z.fill_with(0.0f);
      expected_z.fill_with(0.0f);
      kernels::fast_weight_normalizer(inputs.head(), z.data(), 0.01f, 0.02f, factor.data());
      reference::fast_weight_normalizer(inputs.head(), expected_z.data(), 0.01f, 0.02f,
                                        expected.data());
      CHECK(largest_difference(z, expected_z) < 1e-6);
      CHECK(largest_difference(factor, expected) < 1e-4);
      CHECK(z.guards_intact());
      CHECK(factor.guards_intact());
    }
  });
}

}  // namespace linnet::test
