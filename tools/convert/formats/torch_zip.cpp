#include "tools/convert/formats/torch_zip.h"

#include <map>
#include <utility>

#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/pickle_reader.h"
#include "tools/convert/formats/zip_archive.h"

namespace linnet::convert {
namespace {

constexpr uint64_t kMaxPickleBytes = 64u << 20;

// An expanded tensor (stride 0) may be larger than its file; a small lie must not cost much memory.
constexpr uint64_t kMaxExpandedElements = uint64_t{1} << 26;

/// One archive's tensors, found through the names in its pickle.
class TorchZip {
 public:
  explicit TorchZip(const InputFile& file) : file_(file), archive_(file) {}

  StoredTensors tensors() {
    const std::string pickle_name = archive_.find_in_top_folder("data.pkl");
    if (pickle_name.empty()) {
      fail_file(file_.path(), "is a zip file without data.pkl, so not one that torch.save wrote");
    }
    top_ = pickle_name.substr(0, pickle_name.find('/') + 1);
    check_byte_order();
    const auto range = archive_.locate(pickle_name);
    if (range.size > kMaxPickleBytes) {
      fail_file(file_.path(), pickle_name + " has " + std::to_string(range.size) +
                                  " bytes, more than any list of weights needs");
    }
    const std::string pickle = file_.read_text(range.offset, range.size);
    StoredTensors tensors;
    for (PickledTensor& pickled :
         read_pickled_tensors(pickle, file_.path() + " (" + pickle_name + ")")) {
      const std::string name = pickled.name;
      if (!tensors.emplace(name, place(std::move(pickled))).second) {
        fail_file(file_.path(), "tensor '" + name + "' is there twice");
      }
    }
    return tensors;
  }

 private:
  void check_byte_order() const {
    const std::string name = top_ + "byteorder";
    if (!archive_.contains(name)) return;
    const auto range = archive_.locate(name);
    const std::string order = range.size > 16 ? "" : file_.read_text(range.offset, range.size);
    if (order != "little") {
      fail_file(file_.path(), "byte order 'little' expected, found '" + order + "'");
    }
  }

  StoredTensor place(PickledTensor pickled) {
    const ZipArchive::Range range = storage_range(pickled);
    StoredTensor tensor;
    tensor.type = pickled.type;
    tensor.shape = std::move(pickled.shape);
    tensor.strides = std::move(pickled.strides);
    check_view(pickled, tensor);
    // The view lies in the storage and the storage in the file, so this sum fits; an empty view
    // has no elements to lie anywhere.
    if (tensor.elements() > 0) {
      tensor.offset = range.offset + pickled.first * stored_type_bytes(tensor.type);
    }
    return tensor;
  }

  ZipArchive::Range storage_range(const PickledTensor& pickled) {
    auto known = storages_.find(pickled.storage);
    if (known == storages_.end()) {
      const auto range = archive_.locate(top_ + "data/" + pickled.storage);
      known = storages_.emplace(pickled.storage, range).first;
    }
    uint64_t bytes = pickled.storage_elements;
    if (!checked_multiply(&bytes, stored_type_bytes(pickled.type)) || bytes > known->second.size) {
      fail(pickled, "its storage of " + std::to_string(pickled.storage_elements) + " " +
                        stored_type_name(pickled.type) + " values does not fit the " +
                        std::to_string(known->second.size) + " bytes of its zip entry");
    }
    return known->second;
  }

  void check_view(const PickledTensor& pickled, const StoredTensor& tensor) const {
    uint64_t elements = 0;
    if (!count_elements(tensor.shape, &elements)) {
      fail(pickled, "shape " + tensor.shape_text() + " is too large");
    }
    if (elements == 0) return;
    uint64_t last = pickled.first;
    bool fits = true;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      uint64_t reach = tensor.shape[i] - 1;
      fits = fits && checked_multiply(&reach, tensor.strides[i]) && checked_add(&last, reach);
    }
    if (!fits || last >= pickled.storage_elements) {
      fail(pickled, "shape " + tensor.shape_text() + " from element " +
                        std::to_string(pickled.first) + " reaches beyond its storage of " +
                        std::to_string(pickled.storage_elements) + " values");
    }
    if (elements > pickled.storage_elements && elements > kMaxExpandedElements) {
      fail(pickled, "shape " + tensor.shape_text() + " repeats the " +
                        std::to_string(pickled.storage_elements) + " values of its storage");
    }
  }

  [[noreturn]] void fail(const PickledTensor& tensor, const std::string& why) const {
    fail_file(file_.path(), "tensor '" + tensor.name + "': " + why);
  }

  const InputFile& file_;
  ZipArchive archive_;
  std::string top_;  ///< the folder of everything, with its slash
  std::map<std::string, ZipArchive::Range> storages_;
};

}  // namespace

StoredTensors read_torch_zip(const InputFile& file) { return TorchZip(file).tensors(); }

}  // namespace linnet::convert
