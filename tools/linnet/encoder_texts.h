#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <linnet/linnet.hpp>
#include <span>
#include <string>
#include <vector>

namespace linnet::cli {

/// The texts that a command gives to an encoder, and how.
struct EncoderOptions {
  std::string model;
  std::vector<std::string> texts;
  std::vector<std::string> files;  ///< a text per line
  std::string pair;                ///< the second text of every pair; empty: there are none
  bool ids = false;                ///< texts are token ids, special ones included
  uint32_t threads = 0;
  uint32_t batch = 512;  ///< most tokens that run at once; a longer text is its own batch
  bool json = false;
};

/// Declares the options on a command.
void add_encoder_options(CLI::App* command, EncoderOptions* options);

/// Tokens of the texts as the model takes them. Ids are taken as they are.
struct TokenizedTexts {
  std::vector<std::vector<int32_t>> tokens;
  std::vector<std::vector<int32_t>> types;  ///< for pairs; else empty
  size_t shortened = 0;                     ///< texts that were longer than the model reads
};

/// The texts of the options or, without any, the lines of standard input. A text with more tokens
/// than the model was trained for loses its end, as sentence-transformers has it; a pair that is
/// too long is refused. Throws std::runtime_error naming the text.
TokenizedTexts tokenize_texts(const Model& model, const EncoderOptions& options);

/// Encodes all texts, in batches, and hands out rows of the output `name`, one per text, in order.
void for_each_row(const Model& model, const EncoderOptions& options, const TokenizedTexts& texts,
                  const std::string& name, const std::string& hint,
                  const std::function<void(std::span<const float>)>& receive);

/// Says on standard error that texts lost their end, where any did.
void note_shortened(const TokenizedTexts& texts);

}  // namespace linnet::cli
