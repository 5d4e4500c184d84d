#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>  // no more than that: every family includes this header
#include <optional>
#include <string>
#include <vector>

namespace linnet::convert {

/// A checkpoint's config.json, or an object within it, read with types checked. An entry that is
/// null counts as absent. Every member throws std::runtime_error naming the file, the entry, what
/// was expected and what was found.
class Config {
 public:
  Config(const nlohmann::json& object, std::string where);

  const std::string& where() const { return where_; }
  bool has(const std::string& key) const { return find(key) != nullptr; }
  bool is_list(const std::string& key) const;
  bool is_text(const std::string& key) const;
  /// Whether the entry is there and null, where that means more than an absent one.
  bool is_null(const std::string& key) const;

  /// An entry that may be absent takes the default; without a default it must be there.
  int32_t size(const std::string& key, std::optional<int32_t> fallback = {}) const;
  double number(const std::string& key, std::optional<double> fallback = {}) const;
  bool flag(const std::string& key, bool fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  std::vector<std::string> texts(const std::string& key) const;
  /// [[["a", "b"], 2], …], which is a, b, a, b, …: at most `most` of them.
  std::vector<std::string> repeated_texts(const std::string& key, size_t most) const;
  std::vector<int32_t> sizes(const std::string& key) const;
  /// Numbers of layers and such: whole, from 0 to below `end`.
  std::vector<int32_t> indices(const std::string& key, int32_t end) const;
  /// They may be infinite, which JSON has no word for: {"__float__": "Infinity"}, as transformers
  /// saves it.
  std::vector<double> numbers(const std::string& key) const;
  /// As many numbers as the fallback has.
  std::vector<double> numbers(const std::string& key, const std::vector<double>& fallback) const;

  /// The object at `key`; an empty one if absent.
  Config object(const std::string& key) const;

  /// The entries of the object at `key`, texts or whole numbers as texts; none if absent.
  std::map<std::string, std::string> dictionary(const std::string& key) const;

  /// The objects at `key`: a list of them, a single one or, if absent, none.
  std::vector<Config> objects(const std::string& key) const;

  /// Throws unless `key` is absent or one of `accepted`.
  void require_one_of(const std::string& key, const std::vector<std::string>& accepted) const;

  /// a_value * b_value, which entries `a` and `b` said; throws if that is no size.
  int32_t product(const std::string& a, int32_t a_value, const std::string& b,
                  int32_t b_value) const;

  [[noreturn]] void fail(const std::string& key, const std::string& expected) const;

 private:
  const nlohmann::json* find(const std::string& key) const;
  const nlohmann::json& get(const std::string& key, const std::string& expected) const;

  std::shared_ptr<const nlohmann::json> object_;
  std::string where_;
};

}  // namespace linnet::convert
