#include "tools/linnet/diff_encoder_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace linnet::cli {
namespace {

void print_output(const OutputComparison& output) {
  std::printf("%s -> %s: %zu rows of %zu, largest reference value %.4g\n", output.ids.c_str(),
              output.expected.c_str(), output.rows, output.columns, output.scale);
  std::printf("  difference %.3g, %.2g of scale; root mean square %.2g of the reference's",
              output.difference, output.difference / output.scale, output.relative_rms);
  if (output.has_argmax()) {
    std::printf("; equal argmax %zu / %zu", output.equal_argmax, output.rows);
  }
  if (output.alone_difference > 0) {
    std::printf("; from its texts one by one %.3g", output.alone_difference);
  }
  std::printf("\n");
}

bool any_argmax(const EncoderComparison& found) {
  for (const auto& output : found.outputs) {
    if (output.has_argmax()) return true;
  }
  return false;
}

}  // namespace

void print_encoder_report(const EncoderComparison& found, const ReferenceFile& reference,
                          const EncoderVerdict& verdict) {
  for (const auto& output : found.outputs) print_output(output);
  for (const auto& name : reference.unread()) {
    std::printf("note: %s was not compared with anything\n", name.c_str());
  }
  std::printf("largest difference %.3g, %.2g of the scale", found.largest_difference(),
              found.relative_difference());
  if (verdict.check_difference) std::printf(" (at most %.2g)", verdict.tolerance);
  std::printf("; batch from single texts %.2g", found.relative_alone_difference());
  if (verdict.exact_weights) {
    std::printf(" (at most %.2g)", verdict.alone_tolerance);
  } else if (any_argmax(found)) {
    std::printf("; equal argmax %.1f %% (at least %.1f %%)", 100 * found.argmax_agreement(),
                100 * verdict.min_agreement);
  }
  std::printf("\n%s\n", verdict.passed ? "passed" : "FAILED");
}

void print_encoder_json(const EncoderComparison& found, const ReferenceFile& reference,
                        const EncoderVerdict& verdict) {
  using Json = nlohmann::ordered_json;
  auto outputs = Json::array();
  for (const auto& output : found.outputs) {
    outputs.push_back({{"ids", output.ids},
                       {"expected", output.expected},
                       {"rows", output.rows},
                       {"columns", output.columns},
                       {"scale", output.scale},
                       {"max_abs_difference", output.difference},
                       {"relative_rms_difference", output.relative_rms},
                       {"equal_argmax", output.has_argmax() ? Json(output.equal_argmax) : Json()},
                       {"from_single_texts_difference", output.alone_difference}});
  }
  Json report;
  report["max_abs_difference"] = found.largest_difference();
  report["relative_difference"] = found.relative_difference();
  report["between_ways_relative_difference"] = found.relative_alone_difference();
  report["logit_scale"] = found.scale();
  report["argmax_agreement"] = any_argmax(found) ? Json(found.argmax_agreement()) : Json();
  report["greedy_agreement"] = Json();
  report["outputs"] = outputs;
  report["not_compared"] = reference.unread();
  report["passed"] = verdict.passed;
  std::printf("%s\n", report.dump(2).c_str());
}

}  // namespace linnet::cli
