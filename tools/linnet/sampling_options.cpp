#include "tools/linnet/sampling_options.h"

#include <random>

namespace linnet::cli {

void add_sampling_options(CLI::App* command, SamplingChoice* choice) {
  const CLI::Range share(0.0, 1.0);
  command->add_option("--temperature", choice->temperature, "0: the likeliest token always")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-k", choice->top_k, "Keep the k likeliest tokens; 0: all");
  command->add_option("--top-p", choice->top_p, "Keep the likeliest that sum to p; 1: all")
      ->check(share);
  command->add_option("--min-p", choice->min_p, "Keep those p times as likely as the likeliest")
      ->check(share);
  command
      ->add_option("--repetition-penalty", choice->repetition_penalty,
                   "Divides the logits of recent tokens; 1: none")
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", choice->seed, "Gives the same text again; else a random one");
}

linnet_generate_options generation_options(const Model& model, const SamplingChoice& choice) {
  linnet_generate_options result = model.generate_defaults();
  result.temperature = choice.temperature.value_or(result.temperature);
  result.top_k = choice.top_k.value_or(result.top_k);
  result.top_p = choice.top_p.value_or(result.top_p);
  result.min_p = choice.min_p.value_or(result.min_p);
  result.repetition_penalty = choice.repetition_penalty.value_or(result.repetition_penalty);
  result.seed = choice.seed ? *choice.seed : std::random_device()();
  return result;
}

}  // namespace linnet::cli
