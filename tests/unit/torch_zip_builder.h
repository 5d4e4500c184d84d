#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"

namespace linnet::test {

/// Builds zip files byte by byte, so that any of them can lie.
class ZipBuilder {
 public:
  struct Options {
    bool zip64 = false;           ///< sizes and offsets in zip64 fields
    uint16_t method = 0;          ///< 8 is deflate
    uint16_t flags = 0;           ///< 1 is encrypted
    std::string local_name = {};  ///< in the entry's own header; its name where empty
    uint64_t claimed_size = 0;    ///< instead of the true one, where not 0
  };

  ZipBuilder& add(const std::string& name, const std::string& data) { return add(name, data, {}); }

  ZipBuilder& add(const std::string& name, const std::string& data, const Options& options) {
    const uint64_t size = options.claimed_size != 0 ? options.claimed_size : data.size();
    const uint64_t offset = file_.size();
    const std::string local = options.local_name.empty() ? name : options.local_name;
    const auto size32 = options.zip64 ? 0xffffffffu : static_cast<uint32_t>(size);
    const auto offset32 = options.zip64 ? 0xffffffffu : static_cast<uint32_t>(offset);
    const std::string common = number16(45) + number16(options.flags) + number16(options.method) +
                               std::string(8, '\0') + bytes_of(size32) + bytes_of(size32);
    file_ += "PK\x03\x04" + common + number16(local.size()) + number16(5) + local;
    file_ += "FB" + number16(1) + "Z" + data;
    const std::string extra = options.zip64
                                  ? "XX" + number16(2) + "yy" + number16(1) + number16(24) +
                                        bytes_of(size) + bytes_of(size) + bytes_of(offset)
                                  : "";
    directory_ += "PK\x01\x02" + number16(45) + common + number16(name.size()) +
                  number16(extra.size()) + std::string(10, '\0') + bytes_of(offset32) + name +
                  extra;
    ++entries_;
    return *this;
  }

  std::string finish(bool zip64 = false, const std::string& comment = "") const {
    const uint64_t offset = file_.size();
    const uint64_t size = directory_.size();
    std::string file = file_ + directory_;
    if (zip64) {
      const uint64_t end = file.size();
      file += "PK\x06\x06" + bytes_of(uint64_t{44}) + number16(45) + number16(45) +
              std::string(8, '\0') + bytes_of(entries_) + bytes_of(entries_) + bytes_of(size) +
              bytes_of(offset);
      file += "PK\x06\x07" + std::string(4, '\0') + bytes_of(end) + bytes_of(uint32_t{1});
    }
    const uint64_t mask = zip64 ? 0xffffffffu : 0;
    return file + "PK\x05\x06" + std::string(4, '\0') + number16(entries_ | mask) +
           number16(entries_ | mask) + bytes_of(static_cast<uint32_t>(size | mask)) +
           bytes_of(static_cast<uint32_t>(offset | mask)) + number16(comment.size()) + comment;
  }

 private:
  static std::string number16(uint64_t value) { return bytes_of(static_cast<uint16_t>(value)); }

  std::string file_;
  std::string directory_;
  uint64_t entries_ = 0;
};

// Pickle instructions, as torch.save writes them.

inline std::string pickled(const std::string& text) {
  return 'X' + bytes_of(static_cast<uint32_t>(text.size())) + text;
}

inline std::string pickled(int64_t number) { return "\x8a\x08" + bytes_of(number); }

inline std::string pickled(const std::vector<int64_t>& numbers) {
  std::string items;
  for (const int64_t number : numbers) items += pickled(number);
  return '(' + items + 't';
}

inline const std::string kPickleStart = "\x80\x02";

struct TorchTensor {
  std::string storage = "0";
  std::string type = "FloatStorage";
  int64_t elements = 6;
  int64_t first = 0;
  std::vector<int64_t> shape = {2, 3};
  std::vector<int64_t> strides = {3, 1};
};

inline std::string pickled(const TorchTensor& tensor) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickled("storage") + "ctorch\n" + tensor.type +
         "\n" + pickled(tensor.storage) + pickled("cpu") + pickled(tensor.elements) + "tQ" +
         pickled(tensor.first) + pickled(tensor.shape) + pickled(tensor.strides) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}

/// A dictionary of one entry.
inline std::string pickled_entry(const std::string& key, const std::string& value) {
  return "}" + pickled(key) + value + "s";
}

/// An archive as torch.save writes it.
inline std::string torch_zip(const std::string& pickle, const std::string& storage) {
  return ZipBuilder()
      .add("model/data.pkl", pickle)
      .add("model/byteorder", "little")
      .add("model/data/0", storage)
      .finish();
}

}  // namespace linnet::test
