#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <optional>

namespace linnet::cli {

/// How tokens are drawn; what is not given is the model's own.
struct SamplingChoice {
  std::optional<float> temperature, top_p, min_p, repetition_penalty;
  std::optional<uint32_t> top_k;
  std::optional<uint64_t> seed;  ///< else a random one
};

/// `choice` must live as long as the command.
void add_sampling_options(CLI::App* command, SamplingChoice* choice);

linnet_generate_options generation_options(const Model& model, const SamplingChoice& choice);

}  // namespace linnet::cli
