#include "tools/linnet/diff_documents.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>

#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

struct Document {
  std::string ids;
  std::vector<int32_t> tokens;
  std::map<std::string, std::string> expected;  ///< output of the model -> tensor of the reference
};

/// What an encoder made of a batch: by output, a row for each document.
using Rows = std::map<std::string, std::vector<std::vector<float>>>;

std::vector<Document> read_documents(ReferenceFile& reference) {
  std::vector<Document> documents;
  for (const std::string suffix : {"", "_short"}) {
    if (!reference.has("input_ids" + suffix)) continue;
    Document document = {"input_ids" + suffix, reference.ids("input_ids" + suffix), {}};
    for (const std::string output : {"logits", "pooled"}) {
      if (reference.has(output + suffix)) document.expected[output] = output + suffix;
    }
    documents.push_back(std::move(document));
  }
  return documents;
}

Rows encode(const Model& model, std::span<const Document> documents, uint32_t threads) {
  std::vector<int32_t> tokens;
  std::vector<size_t> lengths;
  for (const Document& document : documents) {
    tokens.insert(tokens.end(), document.tokens.begin(), document.tokens.end());
    lengths.push_back(document.tokens.size());
  }
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = static_cast<uint32_t>(tokens.size());
  Session session = open_session(model, options);
  require(session.encode({tokens.data(), nullptr, nullptr, lengths.data(), lengths.size()}));
  Rows rows;
  for (size_t i = 0; i < model.describe().encoder_outputs; ++i) {
    linnet_output output = {};
    require(session.output(i, &output));
    if (!output.per_text) continue;
    for (size_t row = 0; row < output.rows; ++row) {
      const float* values = output.values + row * output.columns;
      rows[output.name].emplace_back(values, values + output.columns);
    }
  }
  return rows;
}

DocumentOutput compare(const Document& document, const std::string& output,
                       std::span<const float> alone, std::span<const float> in_batch,
                       ReferenceFile& reference) {
  DocumentOutput result;
  result.ids = document.ids;
  result.expected = document.expected.at(output);
  result.tokens = document.tokens.size();
  const std::vector<float> expected = reference.row(result.expected, alone.size());
  result.scale = largest_magnitude(expected);
  result.difference = largest_difference(alone, expected);
  result.in_batch = largest_difference(alone, in_batch);
  result.is_logits = output == "logits";
  result.equal_argmax = argmax(alone) == argmax(expected);
  return result;
}

}  // namespace

double DocumentComparison::largest_difference() const {
  double largest = 0;
  for (const auto& output : outputs) largest = std::max(largest, output.difference);
  return largest;
}

double DocumentComparison::relative_difference() const {
  double largest = 0;
  for (const auto& output : outputs) {
    largest = std::max(largest, relative(output.difference, output.scale));
  }
  return largest;
}

double DocumentComparison::relative_in_batch() const {
  double largest = 0;
  for (const auto& output : outputs) {
    largest = std::max(largest, relative(output.in_batch, output.scale));
  }
  return largest;
}

double DocumentComparison::argmax_agreement() const {
  size_t documents = 0;
  size_t equal = 0;
  for (const auto& output : outputs) {
    documents += output.is_logits ? 1 : 0;
    equal += output.is_logits && output.equal_argmax ? 1 : 0;
  }
  return documents == 0 ? 1.0 : static_cast<double>(equal) / static_cast<double>(documents);
}

bool has_document_reference(const ReferenceFile& reference) {
  return reference.has("input_ids") && (reference.has("pooled") || reference.has("logits_short"));
}

DocumentComparison compare_documents(const Model& model, ReferenceFile& reference,
                                     uint32_t threads) {
  if (!model.describe().has_encoder) {
    throw std::runtime_error("the reference is of whole documents, which this model can't encode");
  }
  const std::vector<Document> documents = read_documents(reference);
  const Rows batch = encode(model, documents, threads);
  DocumentComparison result;
  for (size_t i = 0; i < documents.size(); ++i) {
    const Rows alone = encode(model, std::span(documents).subspan(i, 1), threads);
    for (const auto& [output, tensor] : documents[i].expected) {
      if (alone.count(output) == 0) continue;  // the report names what nothing was compared with
      result.outputs.push_back(
          compare(documents[i], output, alone.at(output).at(0), batch.at(output).at(i), reference));
    }
  }
  if (result.outputs.empty()) {
    throw std::runtime_error("the model has neither logits nor pooled features of a document");
  }
  return result;
}

void print_documents(const DocumentComparison& found, const std::vector<std::string>& unread,
                     bool passed) {
  for (const auto& output : found.outputs) {
    std::printf("%s (%zu tokens) -> %s: difference %.3g, %.2g of scale; in a batch %.2g%s\n",
                output.ids.c_str(), output.tokens, output.expected.c_str(), output.difference,
                relative(output.difference, output.scale), output.in_batch,
                output.is_logits && !output.equal_argmax ? "; ANOTHER argmax" : "");
  }
  for (const auto& name : unread) {
    std::printf("note: %s was not compared with anything\n", name.c_str());
  }
  std::printf("largest difference %.3g, %.2g of its scale\n%s\n", found.largest_difference(),
              found.relative_difference(), passed ? "passed" : "FAILED");
}

void print_documents_json(const DocumentComparison& found, const std::vector<std::string>& unread,
                          bool passed) {
  using Json = nlohmann::ordered_json;
  Json report;
  report["max_abs_difference"] = found.largest_difference();
  report["relative_difference"] = found.relative_difference();
  report["in_batch_relative_difference"] = found.relative_in_batch();
  report["argmax_agreement"] = found.argmax_agreement();
  report["greedy_agreement"] = nullptr;
  report["outputs"] = Json::array();
  for (const auto& output : found.outputs) {
    report["outputs"].push_back({{"ids", output.ids},
                                 {"expected", output.expected},
                                 {"scale", output.scale},
                                 {"max_abs_difference", output.difference},
                                 {"in_batch_difference", output.in_batch}});
  }
  report["not_compared"] = unread;
  report["passed"] = passed;
  std::printf("%s\n", report.dump(2).c_str());
}

}  // namespace linnet::cli
