#include "tools/linnet/encoder_texts.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tools/linnet/input_text.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/text_batch.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

void add_lines(const std::string& content, std::vector<std::string>* texts) {
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    texts->push_back(std::move(line));
  }
}

std::vector<std::string> read_texts(const EncoderOptions& options) {
  std::vector<std::string> texts = options.texts;
  for (const std::string& file : options.files) add_lines(read_text_file(file), &texts);
  if (options.texts.empty() && options.files.empty()) add_lines(read_standard_input(), &texts);
  if (texts.empty()) throw std::runtime_error("there is no text");
  return texts;
}

/// Tokens that a text may have; 0: any number.
size_t most_tokens(const linnet_model_info& info) {
  return info.context == 0 ? info.source_positions : info.context;
}

/// `ids` are the text's tokens between special ones, of which all stay.
std::vector<int32_t> without_end(const std::vector<int32_t>& ids, const std::vector<int32_t>& plain,
                                 size_t most, const std::string& text) {
  const size_t special = ids.size() - plain.size();
  size_t before = 0;
  while (before < special &&
         !std::equal(plain.begin(), plain.end(), ids.begin() + static_cast<ptrdiff_t>(before))) {
    ++before;
  }
  if (special >= most) {
    throw std::runtime_error("'" + text.substr(0, 40) + "': the model reads " +
                             std::to_string(most) + " tokens, " + std::to_string(special) +
                             " of which are special ones");
  }
  std::vector<int32_t> kept(ids.begin(), ids.end() - static_cast<ptrdiff_t>(special - before));
  kept.resize(most - (special - before));
  kept.insert(kept.end(), ids.end() - static_cast<ptrdiff_t>(special - before), ids.end());
  return kept;
}

/// Ids of the texts of a pair stand one behind the other, the second ones with type 1.
void add_ids(const std::string& text, const std::string& pair, TokenizedTexts* out) {
  std::vector<int32_t> ids = parse_ids(text);
  if (!pair.empty()) {
    std::vector<int32_t> types(ids.size(), 0);
    const std::vector<int32_t> second = parse_ids(pair);
    ids.insert(ids.end(), second.begin(), second.end());
    types.resize(ids.size(), 1);
    out->types.push_back(std::move(types));
  }
  out->tokens.push_back(std::move(ids));
}

void add_text(const Model& model, const std::string& text, TokenizedTexts* out) {
  const size_t most = most_tokens(model.describe());
  std::vector<int32_t> ids;
  require(model.tokenize(text, /*special_tokens=*/true, &ids));
  if (most != 0 && ids.size() > most) {
    std::vector<int32_t> plain;
    require(model.tokenize(text, /*special_tokens=*/false, &plain));
    ids = without_end(ids, plain, most, text);
    ++out->shortened;
  }
  out->tokens.push_back(std::move(ids));
}

void add_pair(const Model& model, const std::string& text, std::string_view pair,
              TokenizedTexts* out) {
  const size_t most = most_tokens(model.describe());
  std::vector<int32_t> ids, types;
  require(model.tokenize_pair(text, &pair, /*special_tokens=*/true, &ids, &types));
  if (most != 0 && ids.size() > most) {
    throw std::runtime_error("'" + text.substr(0, 40) + "' and its pair have " +
                             std::to_string(ids.size()) + " tokens; the model reads " +
                             std::to_string(most));
  }
  out->tokens.push_back(std::move(ids));
  out->types.push_back(std::move(types));
}

}  // namespace

void add_encoder_options(CLI::App* command, EncoderOptions* options) {
  command->add_option("model", options->model, "A .linnet file")->required();
  command->add_option("--text", options->texts, "A text; may be given several times");
  command->add_option("--file", options->files, "A file with a text per line");
  command->add_flag("--ids", options->ids, "Texts are token ids, special ones included");
  command->add_option("--threads,-t", options->threads, "0: one per core, at most 8")
      ->capture_default_str();
  command->add_option("--batch", options->batch, "Tokens of several texts that run at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print an object per text");
}

TokenizedTexts tokenize_texts(const Model& model, const EncoderOptions& options) {
  if (!options.ids && !model.describe().has_tokenizer) {
    throw std::runtime_error(options.model +
                             ": has no tokenizer; convert the checkpoint with --tokenizer, or "
                             "give token ids with --ids");
  }
  TokenizedTexts out;
  for (const std::string& text : read_texts(options)) {
    if (options.ids) {
      add_ids(text, options.pair, &out);
    } else if (options.pair.empty()) {
      add_text(model, text, &out);
    } else {
      add_pair(model, text, options.pair, &out);
    }
  }
  return out;
}

void for_each_row(const Model& model, const EncoderOptions& options, const TokenizedTexts& texts,
                  const std::string& name, const std::string& hint,
                  const std::function<void(std::span<const float>)>& receive) {
  size_t longest = 0;
  for (const auto& tokens : texts.tokens) longest = std::max(longest, tokens.size());
  linnet_session_options session_options = linnet_session_options_defaults();
  session_options.threads = options.threads;
  session_options.chunk = std::max(options.batch, static_cast<uint32_t>(longest));
  Session session = open_session(model, session_options);
  TextBatch batch;
  const auto flush = [&] {
    batch.encode(session);
    const linnet_output output = find_output(session, model, name, hint);
    if (!output.per_text) throw std::runtime_error("'" + name + "' are of tokens: " + hint);
    for (size_t i = 0; i < output.rows; ++i) {
      receive({output.values + i * output.columns, output.columns});
    }
    batch.clear();
  };
  for (size_t i = 0; i < texts.tokens.size(); ++i) {
    const auto& tokens = texts.tokens[i];
    if (batch.texts() != 0 && batch.tokens() + tokens.size() > session_options.chunk) flush();
    batch.add(tokens, texts.types.empty() ? std::span<const int32_t>() : texts.types[i]);
  }
  flush();
}

void note_shortened(const TokenizedTexts& texts) {
  if (texts.shortened == 0) return;
  std::fprintf(stderr,
               "note: %zu of the texts were longer than the model reads and lost their end\n",
               texts.shortened);
}

}  // namespace linnet::cli
