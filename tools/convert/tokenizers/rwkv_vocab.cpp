#include "tools/convert/tokenizers/rwkv_vocab.h"

#include <charconv>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tools/convert/tokenizers/python_literal.h"

namespace linnet::convert {
namespace {

constexpr uint32_t kMostTokens = 1u << 24;

uint32_t parse_number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::runtime_error("'" + std::string(text) + "' is not a number");
  }
  return value;
}

void parse_line(std::string_view line, std::vector<std::string>& tokens) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == last) throw std::runtime_error("an id, a literal and a length are expected");
  const uint32_t id = parse_number(line.substr(0, first));
  if (id >= kMostTokens) throw std::runtime_error("the id is too large");
  const std::string bytes = parse_python_literal(line.substr(first + 1, last - first - 1));
  if (bytes.size() != parse_number(line.substr(last + 1))) {
    throw std::runtime_error("the literal has " + std::to_string(bytes.size()) +
                             " bytes, which is not the length given");
  }
  if (bytes.empty()) throw std::runtime_error("the token is empty");
  if (tokens.size() <= id) tokens.resize(id + 1);
  tokens[id] = bytes;
}

}  // namespace

TokenizerTables parse_rwkv_vocab(std::string_view text, const std::string& name) {
  std::vector<std::string> tokens(1);
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    try {
      parse_line(line, tokens);
    } catch (const std::exception& error) {
      throw std::runtime_error(name + ": line " + std::to_string(number) + ": " + error.what());
    }
  }
  if (tokens.size() == 1) throw std::runtime_error(name + ": no tokens in it");
  TokenizerTables tables;
  tables.kind = TokenizerKind::longest_match;
  tables.set_tokens(tokens);
  std::vector<uint32_t> ids;
  for (uint32_t id = 0; id < tables.vocabulary; ++id) ids.push_back(id);
  tables.set_findable(ids);
  return tables;
}

TokenizerTables read_rwkv_vocab(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw std::runtime_error(path + ": cannot be read");
  return parse_rwkv_vocab(text.str(), path);
}

}  // namespace linnet::convert
