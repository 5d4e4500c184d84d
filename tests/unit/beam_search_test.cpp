// Beam search over models that are tables: the logits of the next token by what was written.

#include "runtime/text/beam_search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

namespace linnet {
namespace {

using Text = std::vector<int32_t>;

constexpr size_t vocabulary = 5;
constexpr uint32_t end_id[] = {0};
constexpr int32_t start = 1;

/// Random logits for every text, always the same ones for the same text.
class Table {
 public:
  explicit Table(uint32_t seed) : random_(seed) {}

  const std::vector<float>& logits(const Text& text) {
    auto [entry, is_new] = rows_.try_emplace(text);
    if (is_new) {
      std::normal_distribution<float> normal(0, 1.5f);
      for (size_t i = 0; i < vocabulary; ++i) entry->second.push_back(normal(random_));
    }
    return entry->second;
  }

  double log_probability(const Text& text, int32_t token) {
    const std::vector<float>& row = logits(text);
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    return static_cast<double>(row[static_cast<size_t>(token)]) - std::log(sum);
  }

 private:
  std::mt19937 random_;
  std::map<Text, std::vector<float>> rows_;
};

BeamSearchOptions options_with(size_t beams, size_t max_tokens) {
  return {.beams = beams,
          .max_tokens = max_tokens,
          .stopping = LINNET_STOPPING_EXACT,
          .start = start,
          .ends = end_id};
}

struct Found {
  Text text;
  double score;
  size_t steps;
};

Found search(Table& table, const BeamSearchOptions& options) {
  BeamSearch beams;
  REQUIRE_FALSE(beams.open(vocabulary, options).failed());
  std::vector<Text> running = {{}};
  size_t steps = 0;
  for (; beams.running() > 0; ++steps) {
    std::vector<float> logits;
    for (const Text& text : running) {
      const std::vector<float>& row = table.logits(text);
      logits.insert(logits.end(), row.begin(), row.end());
    }
    beams.step(logits);
    std::vector<Text> next;
    for (size_t i = 0; i < beams.running(); ++i) {
      next.push_back(running.at(beams.parents()[i]));
      next.back().push_back(beams.tokens()[i]);
    }
    running = std::move(next);
  }
  const auto best = beams.best();
  return {{best.begin(), best.end()}, static_cast<double>(beams.best_score()), steps};
}

/// The best of all texts that go on from `text`.
void search_all(Table& table, const BeamSearchOptions& options, const Text& text, double sum,
                Found& best) {
  for (int32_t token = 0; token < static_cast<int32_t>(vocabulary); ++token) {
    Text longer = text;
    longer.push_back(token);
    const double next = sum + table.log_probability(text, token);
    if (token == static_cast<int32_t>(end_id[0]) || longer.size() == options.max_tokens) {
      const double score = next / std::pow(static_cast<double>(longer.size()),
                                           static_cast<double>(options.length_penalty));
      if (score > best.score) best = {longer, score, 0};
    } else {
      search_all(table, options, longer, next, best);
    }
  }
}

}  // namespace

TEST_CASE("with as many beams as there are texts, beam search finds the best of all") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    for (const float penalty : {0.0f, 1.0f, 2.0f, -1.0f}) {
      CAPTURE(seed);
      CAPTURE(penalty);
      Table table(seed);
      BeamSearchOptions options = options_with(/*beams=*/256, /*max_tokens=*/4);
      options.length_penalty = penalty;
      Found best = {{}, -INFINITY, 0};
      search_all(table, options, {}, 0, best);
      const Found found = search(table, options);
      CHECK(found.text == best.text);
      CHECK(found.score == doctest::Approx(best.score).epsilon(1e-5));
    }
  }
}

TEST_CASE("one beam takes the likeliest token until the end") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    Table table(seed);
    Text greedy;
    while (greedy.size() < 6) {
      const std::vector<float>& row = table.logits(greedy);
      greedy.push_back(
          static_cast<int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
      if (greedy.back() == static_cast<int32_t>(end_id[0])) break;
    }
    CHECK(search(table, options_with(1, 6)).text == greedy);
  }
}

TEST_CASE("more beams find texts that fewer miss") {
  size_t better = 0;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    Table table(seed);
    if (search(table, options_with(8, 5)).score > search(table, options_with(1, 5)).score) ++better;
  }
  CHECK(better > 5);
}

TEST_CASE("forced, suppressed and early tokens") {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    CAPTURE(seed);
    Table table(seed);
    constexpr uint32_t suppressed[] = {2, 77};
    BeamSearchOptions options = options_with(3, 5);
    options.forced_first = 4;
    options.forced_last = 0;
    options.min_tokens = 4;
    options.suppressed = suppressed;
    const Text text = search(table, options).text;
    REQUIRE(text.size() >= 4);
    CHECK(text.front() == 4);
    CHECK(text.back() == 0);
    CHECK(std::count(text.begin(), text.end(), 2) == 0);
    CHECK(std::find(text.begin(), text.end(), 0) == text.end() - 1);
  }
}

TEST_CASE("no sequence of two tokens stands twice, the decoder's start included") {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    Table table(seed);
    BeamSearchOptions options = options_with(2, 12);
    options.no_repeat = 2;
    options.min_tokens = 12;
    Text text = search(table, options).text;
    REQUIRE(text.size() == 12);
    text.insert(text.begin(), start);
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      for (size_t j = i + 1; j + 1 < text.size(); ++j) {
        CHECK_FALSE((text[i] == text[j] && text[i + 1] == text[j + 1]));
      }
    }
  }
}

TEST_CASE("a search that stops at the first ends is no longer than one that looks on") {
  size_t shorter = 0;
  for (uint32_t seed = 0; seed < 30; ++seed) {
    Table table(seed);
    BeamSearchOptions options = options_with(2, 10);
    const Found exact = search(table, options);
    options.stopping = LINNET_STOPPING_FIRST;
    const Found first = search(table, options);
    CHECK(first.steps <= exact.steps);
    CHECK(first.score <= exact.score);
    if (first.steps < exact.steps) ++shorter;
  }
  CHECK(shorter > 0);
}

TEST_CASE("where nothing is possible, the best text is empty") {
  BeamSearch beams;
  REQUIRE_FALSE(beams.open(vocabulary, options_with(2, 3)).failed());
  std::vector<float> logits(vocabulary, NAN);
  beams.step(logits);
  CHECK(beams.running() == 0);
  CHECK(beams.best().empty());
}

TEST_CASE("searches of no beams, of no tokens or with unknown forced tokens are refused") {
  BeamSearch beams;
  CHECK(beams.open(vocabulary, options_with(0, 3)).failed());
  CHECK(beams.open(vocabulary, options_with(1, 0)).failed());
  BeamSearchOptions options = options_with(1, 3);
  options.forced_first = vocabulary;
  CHECK(beams.open(vocabulary, options).failed());
}

}  // namespace linnet
