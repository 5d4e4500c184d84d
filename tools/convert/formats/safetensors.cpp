#include "tools/convert/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/json_file.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
  const std::string* name = nullptr;
};

StoredType type_of(const std::string& name) {
  constexpr std::array<std::pair<const char*, StoredType>, 10> kTypes = {
      {{"F32", StoredType::f32},
       {"F16", StoredType::f16},
       {"BF16", StoredType::bf16},
       {"F64", StoredType::f64},
       {"I64", StoredType::i64},
       {"I32", StoredType::i32},
       {"I16", StoredType::i16},
       {"I8", StoredType::i8},
       {"U8", StoredType::u8},
       {"BOOL", StoredType::boolean}}};
  for (const auto& [known, type] : kTypes) {
    if (name == known) return type;
  }
  return StoredType::other;
}

/// The checks of one file's header, which all need its name for their messages.
class Header {
 public:
  explicit Header(const InputFile& file) : file_(file) {
    const uint64_t bytes = header_bytes();
    data_ = kLengthBytes + bytes;
    const std::string text = file.read_text(kLengthBytes, bytes);
    if (text.empty() || text[0] != '{') fail("the header is not a JSON object");
    json_ = parse_json(text, file.path() + " (header)");
  }

  StoredTensors tensors() const {
    StoredTensors tensors;
    std::vector<Range> ranges;
    for (const auto& [name, entry] : json_.items()) {
      if (name == "__metadata__") continue;
      Range range;
      StoredTensor tensor = read_tensor(name, entry, &range);
      const auto [placed, fresh] = tensors.emplace(name, std::move(tensor));
      range.name = &placed->first;
      ranges.push_back(range);
    }
    check_layout(std::move(ranges));
    return tensors;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { fail_file(file_.path(), why); }
  [[noreturn]] void fail(const std::string& name, const std::string& why) const {
    fail("tensor '" + name + "': " + why);
  }

  uint64_t header_bytes() const {
    if (file_.size() < kLengthBytes) fail("too short for a safetensors file");
    uint64_t bytes = 0;
    std::array<std::byte, kLengthBytes> length;
    file_.read_at(0, length);
    std::memcpy(&bytes, length.data(), kLengthBytes);
    if (bytes > kMaxHeaderBytes || bytes > file_.size() - kLengthBytes) {
      fail("a header of at most " +
           std::to_string(std::min(kMaxHeaderBytes, file_.size() - kLengthBytes)) +
           " bytes expected, found a length of " + std::to_string(bytes));
    }
    return bytes;
  }

  std::vector<uint64_t> read_numbers(const std::string& name, const json& entry,
                                     const char* key) const {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array())
      fail(name, std::string("no list '") + key + "'");
    std::vector<uint64_t> numbers;
    for (const json& number : *found) {
      if (!number.is_number_unsigned()) {
        fail(name, std::string("'") + key + "' has " + number.dump() +
                       " where a non-negative integer is expected");
      }
      numbers.push_back(number.get<uint64_t>());
    }
    return numbers;
  }

  StoredTensor read_tensor(const std::string& name, const json& entry, Range* range) const {
    if (!entry.is_object()) fail(name, "its header entry is not an object");
    const auto type = entry.find("dtype");
    if (type == entry.end() || !type->is_string()) fail(name, "no string 'dtype'");
    StoredTensor tensor;
    tensor.other_type = type->get<std::string>();
    tensor.type = type_of(tensor.other_type);
    tensor.shape = read_numbers(name, entry, "shape");
    const std::vector<uint64_t> offsets = read_numbers(name, entry, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > file_.size() - data_) {
      fail(name, "data_offsets " + entry["data_offsets"].dump() + " do not lie in the " +
                     std::to_string(file_.size() - data_) + " bytes after the header");
    }
    *range = {offsets[0], offsets[1], nullptr};
    check_size(name, tensor, offsets[1] - offsets[0]);
    tensor.strides = row_major_strides(tensor.shape);
    tensor.offset = data_ + offsets[0];
    if (tensor.type != StoredType::other) tensor.other_type.clear();
    return tensor;
  }

  void check_size(const std::string& name, const StoredTensor& tensor, uint64_t bytes) const {
    if (tensor.shape.size() > kMaxDimensions) {
      fail(name, "has " + std::to_string(tensor.shape.size()) + " dimensions, more than " +
                     std::to_string(kMaxDimensions));
    }
    uint64_t expected = 0;
    if (!count_elements(tensor.shape, &expected)) {
      fail(name, "shape " + tensor.shape_text() + " is too large");
    }
    if (tensor.type == StoredType::other) return;
    if (!checked_multiply(&expected, stored_type_bytes(tensor.type)) || expected != bytes) {
      fail(name, "shape " + tensor.shape_text() + " of " + tensor.other_type +
                     " does not match its " + std::to_string(bytes) + " bytes");
    }
  }

  void check_layout(std::vector<Range> ranges) const {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t expected = 0;
    for (const Range& range : ranges) {
      if (range.begin != expected) {
        fail(*range.name, std::string(range.begin < expected ? "overlaps" : "leaves a hole after") +
                              " the tensor before it: offset " + std::to_string(expected) +
                              " expected, found " + std::to_string(range.begin));
      }
      expected = range.end;
    }
    if (expected != file_.size() - data_) {
      fail("the tensors end at offset " + std::to_string(expected) + " of " +
           std::to_string(file_.size() - data_) + " bytes");
    }
  }

  const InputFile& file_;
  uint64_t data_ = 0;  ///< offset of the byte after the header
  json json_;
};

}  // namespace

StoredTensors read_safetensors(const InputFile& file) { return Header(file).tensors(); }

}  // namespace linnet::convert
