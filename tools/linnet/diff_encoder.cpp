#include "tools/linnet/diff_encoder.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <utility>

#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/text_batch.h"

namespace linnet::cli {
namespace {

/// Texts of the reference, all of one length.
struct ReferenceTexts {
  std::string prefix;  ///< what the names of their tensors begin with
  std::string ids;
  size_t count = 0, length = 0;
  std::vector<int32_t> tokens, types, mask;  ///< types and mask may be empty

  bool is_padding(size_t index) const { return !mask.empty() && mask[index] == 0; }

  void add_to(TextBatch* batch, size_t text) const {
    const size_t first = text * length;
    std::vector<uint8_t> kept;
    for (size_t i = 0; !mask.empty() && i < length; ++i) kept.push_back(mask[first + i] != 0);
    const auto part = [&](const std::vector<int32_t>& values) {
      return values.empty() ? std::span<const int32_t>() : std::span(values).subspan(first, length);
    };
    batch->add(part(tokens), part(types), kept);
  }
};

std::vector<int32_t> read_beside(ReferenceFile& reference, const std::string& name,
                                 const std::vector<uint64_t>& shape) {
  if (!reference.has(name)) return {};
  if (reference.shape(name) != shape) {
    throw std::runtime_error(name + " has not the shape of the token ids beside it");
  }
  return reference.integers(name);
}

ReferenceTexts read_texts(ReferenceFile& reference, const std::string& prefix,
                          const std::string& ids) {
  const std::vector<uint64_t> shape = reference.shape(ids);
  ReferenceTexts texts;
  texts.prefix = prefix;
  texts.ids = ids;
  if (shape.empty() || shape.size() > 2 || shape.back() == 0) {
    throw std::runtime_error(ids + " should be token ids, [tokens] or [texts, tokens]");
  }
  texts.count = shape.size() == 2 ? shape[0] : 1;
  texts.length = shape.back();
  texts.tokens = reference.integers(ids);
  texts.types = read_beside(reference, prefix + "token_type_ids", shape);
  texts.mask = read_beside(reference, prefix + "attention_mask", shape);
  return texts;
}

/// Rows of a reference's tensor, but for those of padding.
std::vector<float> expected_rows(ReferenceFile& reference, const std::string& name,
                                 const ReferenceTexts& texts, const linnet_output& output) {
  const size_t rows = output.per_text ? texts.count : texts.tokens.size();
  std::vector<float> all = reference.values(name);
  if (all.size() != rows * output.columns) {
    throw std::runtime_error(name + " has " + std::to_string(all.size()) + " values, wanted " +
                             std::to_string(rows) + " rows of " + std::to_string(output.columns) +
                             ": is it the reference of another model?");
  }
  if (output.per_text) return all;
  std::vector<float> kept;
  for (size_t i = 0; i < rows; ++i) {
    const auto row = std::span(all).subspan(i * output.columns, output.columns);
    if (!texts.is_padding(i)) kept.insert(kept.end(), row.begin(), row.end());
  }
  return kept;
}

double relative_rms(std::span<const float> found, std::span<const float> expected) {
  double wrong = 0, all = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = double{found[i]} - double{expected[i]};
    wrong += difference * difference;
    all += double{expected[i]} * double{expected[i]};
  }
  return wrong == 0 ? 0 : std::sqrt(wrong / all);
}

class Comparer {
 public:
  Comparer(const Model& model, ReferenceFile& reference, const ReferenceTexts& texts,
           uint32_t threads)
      : model_(model), reference_(reference), texts_(texts) {
    linnet_session_options options = linnet_session_options_defaults();
    options.threads = threads;
    options.chunk = static_cast<uint32_t>(texts.tokens.size());
    session_ = open_session(model, options);
  }

  void compare(std::vector<OutputComparison>* out) {
    TextBatch batch;
    for (size_t i = 0; i < texts_.count; ++i) texts_.add_to(&batch, i);
    batch.encode(session_);
    const size_t first = out->size();
    std::vector<std::vector<float>> found;
    for (size_t i = 0; i < model_.describe().encoder_outputs; ++i) {
      linnet_output output = {};
      require(session_.output(i, &output));
      const std::string name = texts_.prefix + output.name;
      if (!reference_.has(name)) continue;
      found.emplace_back(output.values, output.values + output.rows * output.columns);
      out->push_back(compare_output(name, output, found.back()));
      indices_.push_back(i);
    }
    if (texts_.count < 2) return;
    for (size_t i = 0; i < indices_.size(); ++i) {
      (*out)[first + i].alone_difference = largest_difference(found[i], alone(indices_[i]));
    }
  }

 private:
  OutputComparison compare_output(const std::string& name, const linnet_output& output,
                                  const std::vector<float>& found) {
    const std::vector<float> expected = expected_rows(reference_, name, texts_, output);
    return {.ids = texts_.ids,
            .expected = name,
            .rows = output.rows,
            .columns = output.columns,
            .scale = largest_magnitude(expected),
            .difference = largest_difference(found, expected),
            .relative_rms = relative_rms(found, expected),
            .equal_argmax = equal_argmax_rows(found, expected, output.columns)};
  }

  /// An output of the texts encoded one by one.
  std::vector<float> alone(size_t index) {
    std::vector<float> rows;
    for (size_t text = 0; text < texts_.count; ++text) {
      TextBatch one;
      texts_.add_to(&one, text);
      one.encode(session_);
      linnet_output output = {};
      require(session_.output(index, &output));
      rows.insert(rows.end(), output.values, output.values + output.rows * output.columns);
    }
    return rows;
  }

  const Model& model_;
  ReferenceFile& reference_;
  const ReferenceTexts& texts_;
  Session session_;
  std::vector<size_t> indices_;  // of the outputs that the reference has
};

template <typename Figure>
double largest_of(const std::vector<OutputComparison>& outputs, const Figure& figure) {
  double largest = 0;
  for (const auto& output : outputs) largest = std::max(largest, figure(output));
  return largest;
}

}  // namespace

bool OutputComparison::has_argmax() const { return expected.ends_with("logits"); }

double EncoderComparison::largest_difference() const {
  return largest_of(outputs, [](const auto& output) { return output.difference; });
}

double EncoderComparison::scale() const {
  return largest_of(outputs, [](const auto& output) { return output.scale; });
}

double EncoderComparison::relative_difference() const {
  return largest_of(outputs,
                    [](const auto& output) { return relative(output.difference, output.scale); });
}

double EncoderComparison::relative_alone_difference() const {
  return largest_of(
      outputs, [](const auto& output) { return relative(output.alone_difference, output.scale); });
}

double EncoderComparison::argmax_agreement() const {
  size_t rows = 0, equal = 0;
  for (const auto& output : outputs) {
    if (!output.has_argmax()) continue;
    rows += output.rows;
    equal += output.equal_argmax;
  }
  return rows == 0 ? 1 : static_cast<double>(equal) / static_cast<double>(rows);
}

EncoderComparison compare_encoder(const Model& model, ReferenceFile& reference, uint32_t threads) {
  constexpr std::pair<const char*, const char*> kTexts[] = {
      {"", "input_ids"}, {"text_", "text_ids"}, {"batch_", "batch_input_ids"}};
  EncoderComparison result;
  for (const auto& [prefix, ids] : kTexts) {
    if (!reference.has(ids)) continue;
    const ReferenceTexts texts = read_texts(reference, prefix, ids);
    Comparer(model, reference, texts, threads).compare(&result.outputs);
  }
  return result;
}

}  // namespace linnet::cli
