#pragma once

#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tools/linnet/reference_file.h"

namespace linnet::cli {

/// One output of one document against its reference.
struct DocumentOutput {
  std::string ids;       ///< the tensor of the document
  std::string expected;  ///< the tensor it is compared with
  size_t tokens = 0;
  double scale = 0;       ///< the largest absolute reference value
  double difference = 0;  ///< from the reference, largest absolute
  double in_batch = 0;    ///< from the same document in a batch with the others, largest absolute
  bool is_logits = false;
  bool equal_argmax = false;
};

/// A model that reads whole documents, such as a text classifier, against its reference.
struct DocumentComparison {
  std::vector<DocumentOutput> outputs;

  double largest_difference() const;
  double relative_difference() const;  ///< to each output's own scale
  double relative_in_batch() const;
  double argmax_agreement() const;  ///< share of the documents
};

/// Whether the file is the reference of such a model: it has outputs that belong to a document, not
/// to its tokens (pooled, logits_short).
bool has_document_reference(const ReferenceFile& reference);

/// Runs input_ids and input_ids_short by themselves and in one batch, and compares the outputs
/// logits and pooled with the tensors of these names and of logits_short. Throws std::runtime_error
/// when model and reference do not fit together.
DocumentComparison compare_documents(const Model& model, ReferenceFile& reference,
                                     uint32_t threads);

void print_documents(const DocumentComparison& found, const std::vector<std::string>& unread,
                     bool passed);
void print_documents_json(const DocumentComparison& found, const std::vector<std::string>& unread,
                          bool passed);

}  // namespace linnet::cli
