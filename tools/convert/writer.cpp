#include "tools/convert/writer.h"

#include <algorithm>
#include <bit>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/output_file.h"
#include "tools/convert/passes/encode_rows.h"

namespace linnet::convert {
namespace {

// Segments are little-endian, and written as they lie in memory.
static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kBlockValues = uint64_t{1} << 20;

class Writer {
 public:
  Writer(const Model& model, const std::string& path, const Progress& progress)
      : model_(model), file_(path), progress_(progress) {}

  uint64_t write() {
    // The layout needs the header's size, which the layout's numbers don't change.
    const uint64_t header_bytes = make_header(model_, lay_out(model_, 0)).size();
    layout_ = lay_out(model_, header_bytes);
    const std::vector<uint8_t> header = make_header(model_, layout_);
    if (header.size() != header_bytes) throw std::logic_error("a header's size depends on offsets");

    file_.write(std::as_bytes(std::span(header)));
    file_.pad_to(kPageBytes);
    for (size_t i = 0; i < model_.graph.tensors.size(); ++i) {
      const Tensor& tensor = model_.graph.tensors[i];
      if (tensor.storage == schema::Storage::weight) write_weight(tensor, layout_.tensors[i]);
    }
    if (model_.tokenizer) write_tokenizer(*model_.tokenizer);
    file_.commit();
    return layout_.file_bytes;
  }

 private:
  template <typename T>
  void write_values(std::span<const T> values) {
    file_.write(std::as_bytes(values));
    if (progress_) progress_(file_.position(), layout_.file_bytes);
  }

  template <typename T>
  void write_table(const std::vector<T>& values, const schema::Segment& segment) {
    start(segment);
    write_values(std::span<const T>(values));
  }

  void start(const schema::Segment& segment) {
    file_.pad_to(kSegmentAlignment);
    if (file_.position() != segment.offset()) {
      throw std::logic_error("a segment is not where the header says");
    }
  }

  void write_weight(const Tensor& weight, const schema::Segment& segment) {
    start(segment);
    if (weight.role == WeightRole::scales) return write_scales(weight);
    const auto rows = static_cast<uint64_t>(weight.shape[0]);
    const uint64_t width = element_count({weight.shape.begin() + 1, weight.shape.end()});
    const uint64_t block = std::clamp<uint64_t>(kBlockValues / width, 1, rows);
    std::vector<float> values(memory_size(block * width));
    for (uint64_t first = 0; first < rows; first += block) {
      const uint64_t count = std::min(block, rows - first);
      const auto block_values = std::span(values).first(count * width);
      weight.rows(first, count, block_values);
      const EncodedRows encoded = encode_rows(weight, first, width, block_values);
      write_values(std::span<const std::byte>(encoded.values));
      if (weight.scales < 0) continue;
      std::vector<std::byte>& scales = scales_[weight.scales];
      scales.insert(scales.end(), encoded.scales.begin(), encoded.scales.end());
    }
  }

  /// Their weight comes before them, being the older tensor.
  void write_scales(const Tensor& tensor) {
    const auto index = static_cast<int32_t>(&tensor - model_.graph.tensors.data());
    const std::vector<std::byte> scales = std::exchange(scales_.at(index), {});
    write_values(std::span<const std::byte>(scales));
  }

  void write_tokenizer(const TokenizerTables& tables) {
    write_table(tables.token_offsets, layout_.token_offsets);
    write_table(tables.token_bytes, layout_.token_bytes);
    write_table(tables.tokens_by_bytes, layout_.tokens_by_bytes);
    write_table(tables.merge_offsets, layout_.merge_offsets);
    write_table(tables.merges, layout_.merges);
    write_table(tables.scores, layout_.scores);
    write_table(tables.charsmap_trie, layout_.charsmap_trie);
    write_table(tables.charsmap_text, layout_.charsmap_text);
  }

  const Model& model_;
  OutputFile file_;
  const Progress& progress_;
  Layout layout_;
  std::map<int32_t, std::vector<std::byte>> scales_;  // by the tensor that takes them
};

}  // namespace

uint64_t write_model(const Model& model, const std::string& path, const Progress& progress) {
  return Writer(model, path, progress).write();
}

}  // namespace linnet::convert
