#pragma once

#include "tools/linnet/diff_encoder.h"
#include "tools/linnet/reference_file.h"

namespace linnet::cli {

/// What an encoder's outputs had to keep to, and whether they did.
struct EncoderVerdict {
  bool exact_weights = true;
  bool check_difference = true;
  double tolerance = 0;        ///< of the difference, as a share of the scale
  double alone_tolerance = 0;  ///< with exact weights, between a batch and its texts one by one
  double min_agreement = 0;    ///< else, of the argmax
  bool passed = false;
};

void print_encoder_report(const EncoderComparison& found, const ReferenceFile& reference,
                          const EncoderVerdict& verdict);
void print_encoder_json(const EncoderComparison& found, const ReferenceFile& reference,
                        const EncoderVerdict& verdict);

}  // namespace linnet::cli
