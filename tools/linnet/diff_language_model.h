#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tools/linnet/reference_file.h"

namespace linnet::cli {

/// How the tokens of a text go in: one by one, in small chunks, all at once. An encoder takes them
/// all at once only.
enum Way : size_t { one_by_one, in_chunks, all_at_once };
constexpr size_t way_count = 3;

/// A text of the reference, run in every way.
struct TextComparison {
  std::string ids;     ///< the tensor of the text
  std::string logits;  ///< the tensor it is compared with
  size_t positions = 0;
  size_t first_way = one_by_one;  ///< the figures below are of this and the following ways
  double scale = 0;               ///< the largest absolute reference logit
  std::array<double, way_count> difference = {};    ///< from the reference, largest absolute
  std::array<size_t, way_count> equal_argmax = {};  ///< positions with the reference's argmax
  double between_ways = 0;                          ///< largest absolute, of any two ways
  bool has_argmax = true;  ///< of hidden states the largest column means nothing

  /// Takes the figures of what each way from first_way on has found, rows of `columns`.
  void measure(const std::array<std::vector<float>, way_count>& found,
               const std::vector<float>& expected, size_t columns);
};

/// A language model, causal or an encoder, against its reference.
struct LanguageModelComparison {
  std::vector<TextComparison> texts;
  size_t greedy_tokens = 0;  ///< 0: the reference has none
  size_t equal_greedy = 0;

  double largest_difference() const;
  double logit_scale() const;          ///< of all texts, the largest
  double relative_difference() const;  ///< to each text's own scale
  double relative_between_ways() const;
  double argmax_agreement() const;  ///< a share, of the worst way
  double greedy_agreement() const;  ///< a share
};

/// Whether the file has a language model's reference.
bool has_language_model_reference(const ReferenceFile& reference);

/// Runs and compares input_ids with logits (or logits_prefix, which wins: it is what a model that
/// sees one token after another must match), input_ids in segments with logits_segmented, text_ids
/// with text_logits, and greedy_ids, which
/// continue the first 16 of input_ids or, where those are fewer, of text_ids. `chunk` is the size
/// of the small chunks. Throws std::runtime_error when model and reference do not fit together.
LanguageModelComparison compare_language_model(const Model& model, ReferenceFile& reference,
                                               uint32_t chunk, uint32_t threads);

}  // namespace linnet::cli
