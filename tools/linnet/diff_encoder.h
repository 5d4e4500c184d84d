#pragma once

#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tools/linnet/reference_file.h"

namespace linnet::cli {

/// An output of an encoder, compared with a tensor of the reference.
struct OutputComparison {
  std::string ids;       ///< the tensor of the texts
  std::string expected;  ///< the tensor that the output is compared with
  size_t rows = 0;       ///< one per token that is not padding, or one per text
  size_t columns = 0;
  double scale = 0;         ///< the largest absolute value of the reference
  double difference = 0;    ///< from the reference, largest absolute
  double relative_rms = 0;  ///< root mean square of the difference, as a share of the reference's
  size_t equal_argmax = 0;  ///< rows with the reference's argmax
  double alone_difference = 0;  ///< of a batch: from its texts encoded one by one, largest absolute

  bool has_argmax() const;  ///< logits have one
};

struct EncoderComparison {
  std::vector<OutputComparison> outputs;

  double largest_difference() const;
  double scale() const;                ///< of all outputs, the largest
  double relative_difference() const;  ///< to each output's own scale
  double relative_alone_difference() const;
  double argmax_agreement() const;  ///< a share of the rows that have one; 1: none has
};

/// Runs and compares whichever there are: input_ids, text_ids and batch_input_ids, with
/// token_type_ids and attention_mask by the same beginning of the name, with each output of the
/// encoder by its name with that beginning (text_logits, batch_last_hidden_state). Rows that the
/// reference has for padding are left out. Throws std::runtime_error when model and reference do
/// not fit together.
EncoderComparison compare_encoder(const Model& model, ReferenceFile& reference, uint32_t threads);

}  // namespace linnet::cli
