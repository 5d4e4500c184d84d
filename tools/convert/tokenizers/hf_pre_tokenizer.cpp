#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

// What ByteLevel splits by unless told not to.
constexpr char kGpt2Pattern[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr char kPunctuation[] = R"([\p{P}$+<=>^`|~])";

std::string type_of(const json& section) {
  return json_member_or<std::string>(section, "type", "none");
}

// A regular expression for just this text.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       static_cast<unsigned char>(c) >= 0x80;
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

std::string with_behavior(const std::string& pattern, const json& section) {
  const auto behavior = json_member_or<std::string>(section, "behavior", "Isolated");
  const bool invert = json_member_or(section, "invert", false);
  // "Removed, inverted" drops what no match covers; patterns that are used so cover everything.
  if (behavior == "Isolated" || (behavior == "Removed" && invert)) return pattern;
  if (behavior == "Contiguous" && !invert) return "(?:" + pattern + ")+";
  throw unsupported_tokenizer("pre_tokenizer " + type_of(section) + " with behavior " + behavior);
}

std::string split_pattern(const json& section) {
  const json& pattern = section.at("pattern");
  const json& regex = json_member(pattern, "Regex");
  const std::string text =
      regex.is_null() ? quoted(pattern.at("String").get<std::string>()) : regex.get<std::string>();
  return with_behavior(text, section);
}

void read_byte_level(const json& section, TokenizerTables& tables) {
  const bool add_prefix_space = json_member_or(section, "add_prefix_space", true);
  if (add_prefix_space && !tables.split_patterns.empty()) {
    throw unsupported_tokenizer("a pre_tokenizer ByteLevel with add_prefix_space after others");
  }
  tables.add_prefix_space = add_prefix_space;
  if (json_member_or(section, "use_regex", true)) tables.split_patterns.emplace_back(kGpt2Pattern);
}

// One step; true for ByteLevel, after which there must be no other.
bool read_step(const json& section, TokenizerTables& tables) {
  const std::string type = type_of(section);
  if (type == "ByteLevel") {
    read_byte_level(section, tables);
    return true;
  }
  if (type == "Split") {
    tables.split_patterns.push_back(split_pattern(section));
  } else if (type == "Digits") {
    const bool individual = json_member_or(section, "individual_digits", false);
    tables.split_patterns.emplace_back(individual ? R"(\p{N})" : R"(\p{N}+)");
  } else if (type == "Punctuation") {
    tables.split_patterns.push_back(with_behavior(kPunctuation, section));
  } else {
    throw unsupported_tokenizer("pre_tokenizer " + type);
  }
  return false;
}

}  // namespace

void read_hf_pre_tokenizer(const json& section, TokenizerTables& tables) {
  bool byte_level = false;
  if (type_of(section) == "Sequence") {
    for (const json& step : section.at("pretokenizers")) {
      if (byte_level) throw unsupported_tokenizer("a pre_tokenizer after ByteLevel");
      byte_level = read_step(step, tables);
    }
  } else {
    byte_level = read_step(section, tables);
  }
  if (!byte_level) throw unsupported_tokenizer("a pre_tokenizer without ByteLevel");
}

Normalizer read_hf_normalizer(const json& section) {
  if (section.is_null()) return Normalizer::none;
  const std::string type = type_of(section);
  if (type == "NFC") return Normalizer::nfc;
  if (type != "Sequence") throw unsupported_tokenizer("normalizer " + type);
  Normalizer normalizer = Normalizer::none;
  for (const json& step : section.at("normalizers")) {
    if (read_hf_normalizer(step) == Normalizer::nfc) normalizer = Normalizer::nfc;
  }
  return normalizer;
}

}  // namespace linnet::convert
