#pragma once

#include <linnet/linnet.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/linnet/bare_speed.h"
#include "tools/linnet/matrix_products.h"
#include "tools/linnet/model_file.h"
#include "tools/linnet/operator_profile.h"
#include "tools/linnet/process_memory.h"
#include "tools/linnet/timed_runs.h"

namespace linnet::cli {

/// Tokens of the run whose end is the "first token".
inline constexpr size_t first_prompt = 8;

/// What this machine allows at most.
struct Yardsticks {
  double read_bytes_per_second = 0;  ///< see read_bandwidth.h
  BareSpeeds bare;
};

/// What linnet bench found out about a model.
struct BenchFigures {
  std::string path;
  std::string architecture;
  std::string weights_name;  ///< the --weights that the file was converted with
  linnet_session_options session = {};
  std::vector<Speed> prefill;
  Speed decode;                    ///< of 0 tokens: the model is an encoder
  uint64_t decode_fork_joins = 0;  ///< of one token
  uint32_t batch = 0;              ///< sessions that decode side by side; 0: that was not measured
  Speed batch_decode;              ///< of all of them together
  double load_seconds = 0;
  double first_token_seconds = 0;
  WeightFigures weights;
  std::vector<MatrixProduct> products;
  uint64_t file_bytes = 0;
  uint64_t packed_bytes = 0;
  linnet_memory memory = {};
  std::optional<ProcessMemory> process;
  std::optional<Yardsticks> yardsticks;
  std::optional<Profile> prefill_profile;
  std::optional<Profile> decode_profile;

  double decode_bytes_per_second() const {
    return decode.median * static_cast<double>(weights.bytes_per_token);
  }

  /// Operations of matrix products per second at `speed`.
  double prefill_operations_per_second(const Speed& speed) const {
    return speed.median / static_cast<double>(speed.tokens) *
           operations(products, RunShape::prefill(speed.tokens, session.chunk));
  }
};

void print_bench_report(const BenchFigures& figures);
void print_bench_json(const BenchFigures& figures);

}  // namespace linnet::cli
