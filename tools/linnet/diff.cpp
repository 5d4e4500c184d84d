// linnet diff: a converted model against the logits and tokens of a reference implementation.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "tools/linnet/command.h"
#include "tools/linnet/diff_documents.h"
#include "tools/linnet/diff_encoder.h"
#include "tools/linnet/diff_encoder_report.h"
#include "tools/linnet/diff_language_model.h"
#include "tools/linnet/diff_seq2seq.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

constexpr double default_tolerance = 1e-3;
constexpr double between_ways_tolerance = 1e-4;

struct Options {
  std::string model;
  std::string expected;
  double tolerance = -1;  ///< below 0: not given
  double min_agreement = 0.95;
  uint32_t chunk = 7;
  uint32_t threads = 0;
  bool json = false;
};

/// What has to hold. With f32 weights: differences within the tolerance and every greedy token
/// equal. With quantised weights, whose differences say little: the share of equal argmax, and the
/// differences only where a tolerance was asked for.
struct Limits {
  bool exact_weights = true;
  bool check_difference = true;
  double tolerance = default_tolerance;
  double min_agreement = 0;

  bool kept(const LanguageModelComparison& found) const {
    if (check_difference && !(found.relative_difference() <= tolerance)) return false;
    if (!exact_weights) return found.argmax_agreement() >= min_agreement;
    return found.relative_between_ways() <= between_ways_tolerance &&
           found.equal_greedy == found.greedy_tokens;
  }

  bool kept(const DocumentComparison& found) const {
    if (check_difference && !(found.relative_difference() <= tolerance)) return false;
    if (!exact_weights) return found.argmax_agreement() >= min_agreement;
    return found.relative_in_batch() <= between_ways_tolerance;
  }

  bool kept(const EncoderComparison& found) const {
    if (check_difference && !(found.relative_difference() <= tolerance)) return false;
    return exact_weights ? found.relative_alone_difference() <= between_ways_tolerance
                         : found.argmax_agreement() >= min_agreement;
  }
};

Limits limits_for(const Model& model, const Options& options) {
  Limits limits;
  limits.exact_weights = std::string(model.describe().weights) == "f32";
  limits.check_difference = limits.exact_weights || options.tolerance >= 0;
  if (options.tolerance >= 0) limits.tolerance = options.tolerance;
  limits.min_agreement = options.min_agreement;
  return limits;
}

const char* way_name(size_t way, uint32_t chunk, std::string* storage) {
  if (way == one_by_one) return "one by one";
  if (way == all_at_once) return "all at once";
  *storage = text("in chunks of %u", chunk);
  return storage->c_str();
}

void print_text(const TextComparison& comparison, uint32_t chunk) {
  std::printf("%s -> %s: %zu tokens, largest reference %s %.4g\n", comparison.ids.c_str(),
              comparison.logits.c_str(), comparison.positions,
              comparison.has_argmax ? "logit" : "value", comparison.scale);
  std::printf("  %-18s %14s %10s %14s\n", "", "difference", "of scale",
              comparison.has_argmax ? "equal argmax" : "");
  std::string storage;
  for (size_t way = comparison.first_way; way < way_count; ++way) {
    std::printf("  %-18s %14.3g %10.2g", way_name(way, chunk, &storage), comparison.difference[way],
                comparison.difference[way] / comparison.scale);
    if (comparison.has_argmax) {
      std::printf(" %8zu / %zu", comparison.equal_argmax[way], comparison.positions);
    }
    std::printf("\n");
  }
  if (comparison.first_way + 1 == way_count) return;
  std::printf("  %-18s %14.3g %10.2g\n", "between the ways", comparison.between_ways,
              comparison.between_ways / comparison.scale);
}

void print_report(const LanguageModelComparison& found, const ReferenceFile& reference,
                  const Limits& limits, const Options& options) {
  for (const auto& comparison : found.texts) print_text(comparison, options.chunk);
  if (found.greedy_tokens != 0) {
    std::printf("greedy_ids: %zu / %zu tokens equal%s\n", found.equal_greedy, found.greedy_tokens,
                limits.exact_weights ? " (all must be)" : "");
  }
  for (const auto& name : reference.unread()) {
    std::printf("note: %s was not compared with anything\n", name.c_str());
  }
  std::printf("largest difference %.3g, %.2g of the logits' scale", found.largest_difference(),
              found.relative_difference());
  if (limits.check_difference) std::printf(" (at most %.2g)", limits.tolerance);
  std::printf("; between the ways %.2g", found.relative_between_ways());
  if (limits.exact_weights) {
    std::printf(" (at most %.2g)", between_ways_tolerance);
  } else {
    std::printf("; equal argmax %.1f %% (at least %.1f %%)", 100 * found.argmax_agreement(),
                100 * limits.min_agreement);
  }
  std::printf("\n%s\n", limits.kept(found) ? "passed" : "FAILED");
}

nlohmann::ordered_json texts_json(const LanguageModelComparison& found, uint32_t chunk) {
  auto list = nlohmann::ordered_json::array();
  std::string storage;
  for (const auto& comparison : found.texts) {
    auto ways = nlohmann::ordered_json::object();
    for (size_t way = comparison.first_way; way < way_count; ++way) {
      auto& figures = ways[way_name(way, chunk, &storage)];
      figures["max_abs_difference"] = comparison.difference[way];
      if (comparison.has_argmax) figures["equal_argmax"] = comparison.equal_argmax[way];
    }
    list.push_back({{"ids", comparison.ids},
                    {"logits", comparison.logits},
                    {"positions", comparison.positions},
                    {"logit_scale", comparison.scale},
                    {"ways", ways},
                    {"between_ways_difference", comparison.between_ways}});
  }
  return list;
}

void print_json(const LanguageModelComparison& found, const ReferenceFile& reference,
                const Limits& limits, const Options& options) {
  using Json = nlohmann::ordered_json;
  Json report;
  report["max_abs_difference"] = found.texts.empty() ? Json() : Json(found.largest_difference());
  report["relative_difference"] = found.relative_difference();
  report["between_ways_relative_difference"] = found.relative_between_ways();
  report["logit_scale"] = found.logit_scale();
  report["argmax_agreement"] = found.texts.empty() ? Json() : Json(found.argmax_agreement());
  report["greedy_agreement"] = found.greedy_tokens == 0 ? Json() : Json(found.greedy_agreement());
  report["texts"] = texts_json(found, options.chunk);
  report["not_compared"] = reference.unread();
  report["passed"] = limits.kept(found);
  std::printf("%s\n", report.dump(2).c_str());
}

/// A document's outputs have no positions to be equal at: quantised weights are held to the share
/// of documents with the same argmax.
int diff_documents(const Options& options, ReferenceFile& reference) {
  const Model model = open_model(options.model);
  const DocumentComparison found = compare_documents(model, reference, options.threads);
  const Limits limits = limits_for(model, options);
  const bool passed = limits.kept(found);
  if (options.json) {
    print_documents_json(found, reference.unread(), passed);
  } else {
    print_documents(found, reference.unread(), passed);
  }
  return passed ? 0 : 1;
}

int diff_encoder(const Model& model, ReferenceFile& reference, const Options& options) {
  const auto found = compare_encoder(model, reference, options.threads);
  if (found.outputs.empty()) {
    throw std::runtime_error(options.expected +
                             " has nothing to compare: wanted input_ids or batch_input_ids, and "
                             "for those what the encoder puts out, such as logits, "
                             "last_hidden_state or batch_sentence_embedding");
  }
  const Limits limits = limits_for(model, options);
  const EncoderVerdict verdict = {.exact_weights = limits.exact_weights,
                                  .check_difference = limits.check_difference,
                                  .tolerance = limits.tolerance,
                                  .alone_tolerance = between_ways_tolerance,
                                  .min_agreement = limits.min_agreement,
                                  .passed = limits.kept(found)};
  (options.json ? print_encoder_json : print_encoder_report)(found, reference, verdict);
  return verdict.passed ? 0 : 1;
}

int diff(const Options& options) {
  ReferenceFile reference(options.expected);
  if (has_document_reference(reference)) return diff_documents(options, reference);
  const Model model = open_model(options.model);
  if (!model.describe().has_decoder) return diff_encoder(model, reference, options);
  const bool is_seq2seq = has_seq2seq_reference(reference);
  if (!is_seq2seq && !has_language_model_reference(reference)) {
    throw std::runtime_error(options.expected +
                             " has nothing to compare: wanted input_ids with logits, "
                             "logits_prefix or greedy_ids, or an encoder-decoder's input_ids with "
                             "decoder_input_ids or src_ids with tgt_ids");
  }
  const auto compare = is_seq2seq ? compare_seq2seq : compare_language_model;
  const auto found = compare(model, reference, options.chunk, options.threads);
  if (found.texts.empty() && found.greedy_tokens == 0) {
    throw std::runtime_error(options.expected + " has nothing to compare: greedy_ids continue " +
                             "the first 16 of input_ids, which are fewer");
  }
  const Limits limits = limits_for(model, options);
  (options.json ? print_json : print_report)(found, reference, limits, options);
  return limits.kept(found) ? 0 : 1;
}

}  // namespace

Command add_diff(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("diff", "Compare a model with reference outputs");
  command->add_option("model", options->model, "A .linnet file")->required();
  command->add_option("expected", options->expected, "Reference inputs and outputs, .safetensors")
      ->required();
  command
      ->add_option("--tolerance", options->tolerance,
                   "Largest difference, as a share of the largest reference logit [1e-3; with "
                   "int8 weights unchecked unless given]")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--min-agreement", options->min_agreement,
                   "With int8 weights: least share of positions with the same argmax")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--chunk", options->chunk, "Tokens per chunk of the run in chunks")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--threads,-t", options->threads, "0: one per core, at most 8")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Runs the reference's tokens one by one, in chunks, and all at once; all three must agree\n"
      "with it and, with f32 weights, with each other; a decoder that follows an encoder, too. An\n"
      "encoder runs each text, and each batch, all at once only; what it puts out is compared "
      "with\n"
      "the tensors of that name, such as logits, last_hidden_state or batch_sentence_embedding.\n"
      "Exits with 0 only if they agree.\n\n"
      "Example: linnet diff model.linnet expected.safetensors --tolerance 1e-3");
  return {command, [options] { return diff(*options); }};
}

}  // namespace linnet::cli
