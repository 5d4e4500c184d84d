#include "tools/convert/formats/json_file.h"

#include <cctype>
#include <limits>
#include <utility>
#include <vector>

#include "tools/convert/formats/input_file.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

// Python's bare words stand in the text as zeros in a spelling that nothing else writes, because
// the parser knows no words for them, but hands a number's spelling on with its value.
constexpr std::string_view kNanSpelling = "0e-99999991";
constexpr std::string_view kInfinitySpelling = "0e-99999992";

/// Whether `word` stands at `at` alone, not as a part of something longer.
bool has_word(std::string_view text, size_t at, std::string_view word) {
  const auto joins = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
  };
  if (text.substr(at, word.size()) != word) return false;
  return !(at > 0 && joins(text[at - 1])) &&
         !(at + word.size() < text.size() && joins(text[at + word.size()]));
}

std::string spell_words_as_numbers(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      result += c;
      result += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && has_word(text, i, "NaN") && !result.ends_with('-')) {
      result += kNanSpelling;
      i += 2;
    } else if (!quoted && has_word(text, i, "Infinity")) {
      result += kInfinitySpelling;
      i += 7;
    } else {
      result += c;
    }
  }
  return result;
}

double value_of_spelling(double value, std::string_view spelling) {
  if (spelling == kNanSpelling) return std::numeric_limits<double>::quiet_NaN();
  if (spelling == kInfinitySpelling) return std::numeric_limits<double>::infinity();
  if (spelling.substr(0, 1) == "-" && spelling.substr(1) == kInfinitySpelling) {
    return -std::numeric_limits<double>::infinity();
  }
  return value;
}

/// Builds the tree from the parser's events, refusing what a plain tree parser lets through.
class TreeBuilder : public nlohmann::json_sax<json> {
 public:
  explicit TreeBuilder(std::string where) : where_(std::move(where)) {}
  json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& spelling) override {
    return add(value_of_spelling(value, spelling));
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& value) override {
    if (open_.back()->contains(value)) fail_file(where_, "JSON has the key '" + value + "' twice");
    key_ = std::move(value);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    const std::string text = error.what();
    const size_t bracket = text.find("] ");
    fail_file(where_,
              "not valid JSON: " + text.substr(bracket == std::string::npos ? 0 : bracket + 2));
  }

 private:
  template <typename Value>
  bool add(Value&& value) {
    place(json(std::forward<Value>(value)));
    return true;
  }

  json* place(json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  bool open(json container) {
    if (open_.size() == kMaxJsonDepth) {
      fail_file(where_, "JSON is nested deeper than " + std::to_string(kMaxJsonDepth));
    }
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string where_;
  json root_;
  std::vector<json*> open_;  ///< an open container's address holds: its parent grows only after it
  std::string key_;
};

}  // namespace

json parse_json(std::string_view text, const std::string& where) {
  TreeBuilder builder(where);
  const bool has_words = text.find("NaN") != text.npos || text.find("Infinity") != text.npos;
  if (has_words) {
    json::sax_parse(spell_words_as_numbers(text), &builder);
  } else {
    json::sax_parse(text, &builder);
  }
  return builder.take();
}

json read_json(const std::string& path, uint64_t max_bytes) {
  const InputFile file(path);
  if (file.size() > max_bytes) {
    fail_file(path, "JSON of at most " + std::to_string(max_bytes) + " bytes expected, found " +
                        std::to_string(file.size()));
  }
  return parse_json(file.read_text(0, file.size()), path);
}

}  // namespace linnet::convert
