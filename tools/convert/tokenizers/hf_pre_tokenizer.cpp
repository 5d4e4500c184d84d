#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

// What ByteLevel splits by unless told not to.
constexpr char kGpt2Pattern[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr char kPunctuation[] = R"([\p{P}$+<=>^`|~])";
// Rust's \w has the joiners U+200C and U+200D in it, unlike Oniguruma's.
constexpr char kWordOrSymbols[] = "[\\w\u200C\u200D]+|[^\\w\\s\u200C\u200D]+";
constexpr char kMetaspace[] = "\u2581";

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

SplitBehavior read_behavior(const json& section) {
  const auto behavior = json_member_or<std::string>(section, "behavior", "Isolated");
  if (behavior == "Isolated") return SplitBehavior::isolated;
  if (behavior == "Removed") return SplitBehavior::removed;
  if (behavior == "Contiguous") return SplitBehavior::contiguous;
  if (behavior == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (behavior == "MergedWithNext") return SplitBehavior::merged_with_next;
  throw unsupported_tokenizer("pre_tokenizer " + hf_type_of(section) + " with behavior " +
                              behavior);
}

void split(const std::string& pattern, SplitBehavior behavior, TokenizerTables& tables) {
  tables.pre_tokenizers.push_back({.pattern = pattern, .behavior = behavior});
}

void read_split(const json& section, TokenizerTables& tables) {
  const json& pattern = section.at("pattern");
  const json& regex = json_member(pattern, "Regex");
  split(
      regex.is_null() ? quoted(pattern.at("String").get<std::string>()) : regex.get<std::string>(),
      read_behavior(section), tables);
  tables.pre_tokenizers.back().invert = json_member_or(section, "invert", false);
}

void read_metaspace(const json& section, TokenizerTables& tables) {
  const auto mark = json_member_or<std::string>(section, "replacement", kMetaspace);
  if (mark.empty()) throw unsupported_tokenizer("pre_tokenizer Metaspace without a replacement");
  tables.pre_tokenizers.push_back({.kind = PreTokenizerKind::metaspace,
                                   .content = mark,
                                   .prepend = read_hf_prepend_scheme(section)});
  if (json_member_or(section, "split", true)) {
    split(quoted(mark), SplitBehavior::merged_with_next, tables);
  }
}

void read_byte_level(const json& section, TokenizerTables& tables) {
  if (json_member_or(section, "add_prefix_space", true)) {
    tables.pre_tokenizers.push_back({.kind = PreTokenizerKind::metaspace, .content = " "});
  }
  if (json_member_or(section, "use_regex", true)) {
    split(kGpt2Pattern, SplitBehavior::isolated, tables);
  }
}

// One step; true for ByteLevel, after which there must be no other.
bool read_step(const json& section, TokenizerTables& tables) {
  const std::string type = hf_type_of(section);
  if (type == "ByteLevel") {
    read_byte_level(section, tables);
    return true;
  }
  if (type == "Split") {
    read_split(section, tables);
  } else if (type == "Digits") {
    const bool individual = json_member_or(section, "individual_digits", false);
    split(individual ? R"(\p{N})" : R"(\p{N}+)", SplitBehavior::isolated, tables);
  } else if (type == "Punctuation") {
    split(kPunctuation, read_behavior(section), tables);
  } else if (type == "Whitespace") {
    split(kWordOrSymbols, SplitBehavior::removed, tables);
    tables.pre_tokenizers.back().invert = true;
  } else if (type == "WhitespaceSplit") {
    split(R"(\s+)", SplitBehavior::removed, tables);
  } else if (type == "CharDelimiterSplit") {
    split(quoted(section.at("delimiter").get<std::string>()), SplitBehavior::removed, tables);
  } else if (type == "BertPreTokenizer") {
    split(R"(\s+)", SplitBehavior::removed, tables);
    split(kPunctuation, SplitBehavior::isolated, tables);
  } else if (type == "Metaspace") {
    read_metaspace(section, tables);
  } else {
    throw unsupported_tokenizer("pre_tokenizer " + type);
  }
  return false;
}

bool read_sequence(const json& section, TokenizerTables& tables) {
  if (hf_type_of(section) != "Sequence") return read_step(section, tables);
  bool byte_level = false;
  for (const json& step : section.at("pretokenizers")) {
    if (byte_level) throw unsupported_tokenizer("a pre_tokenizer after ByteLevel");
    byte_level = read_sequence(step, tables);
  }
  return byte_level;
}

}  // namespace

bool read_hf_pre_tokenizer(const json& section, TokenizerTables& tables) {
  return !section.is_null() && read_sequence(section, tables);
}

PrependScheme read_hf_prepend_scheme(const json& section) {
  // Files older than prepend_scheme have add_prefix_space alone.
  const bool prepends = json_member_or(section, "add_prefix_space", true);
  const auto scheme =
      json_member_or<std::string>(section, "prepend_scheme", prepends ? "always" : "never");
  if (scheme == "always") return PrependScheme::always;
  if (scheme == "first") return PrependScheme::first;
  if (scheme == "never") return PrependScheme::never;
  throw unsupported_tokenizer("Metaspace with prepend_scheme " + scheme);
}

std::string hf_type_of(const json& section) {
  return json_member_or<std::string>(section, "type", "none");
}

}  // namespace linnet::convert
