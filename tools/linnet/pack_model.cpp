#include "tools/linnet/pack_model.h"

#include <linnet/pack.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "schema/linnet_objects_generated.h"
#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/input_file.h"
#include "tools/convert/formats/output_file.h"
#include "tools/convert/model_header.h"
#include "tools/linnet/model_file.h"

namespace linnet::cli {
namespace {

using convert::InputFile;
using convert::kPageBytes;
using convert::kSegmentAlignment;
using objects::DataType;
using objects::Segment;

void require_ok(linnet_status status, const linnet_message& why, const std::string& what) {
  if (status != LINNET_OK) throw std::runtime_error(what + ": " + why.text);
}

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using AlignedBytes = std::unique_ptr<std::byte, FreeMemory>;

uint64_t on_boundary(uint64_t bytes) {
  return (bytes + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment;
}

AlignedBytes aligned_bytes(size_t size) {
  AlignedBytes bytes(static_cast<std::byte*>(
      std::aligned_alloc(kSegmentAlignment, convert::memory_size(on_boundary(size)))));
  if (bytes == nullptr) throw std::bad_alloc();
  return bytes;
}

bool has_scales(DataType type) { return type == DataType::int8 || type == DataType::int4; }

bool is_packed_type(DataType type) {
  return type == DataType::f32 || type == DataType::f16 || has_scales(type);
}

bool is_plain(const objects::TensorT& tensor) {
  return tensor.data != nullptr && tensor.data->size() != 0;
}

/// What a model is packed for.
struct Target {
  const char* name = nullptr;  ///< null: this machine
  std::string processor;       ///< for people
};

/// A matrix to pack: so many one behind another.
struct NewMatrix {
  uint32_t parts = 1;
  const Target* target = nullptr;
};

/// Adds a name to a list of them, unless it stands there.
void add_name(std::string& names, const std::string& name) {
  if ((", " + names + ",").find(", " + name + ",") != std::string::npos) return;
  if (!names.empty()) names += ", ";
  names += name;
}

/// A weight that an operator multiplies by: so many matrices of as many rows one behind another.
struct Stack {
  int32_t weight = -1;
  int32_t bias = -1;
  uint32_t parts = 1;
};

/// A segment of the new file: bytes of the old one, or a matrix to pack.
struct Piece {
  Segment old;
  const objects::PackedMatrixT* matrix = nullptr;  ///< null: the old bytes
  std::vector<Segment*> users = {};                ///< of the new header
};

class Packer {
 public:
  explicit Packer(const PackOptions& options)
      : options_(options), source_(options.input), input_(options.input) {
    objects::GetSizePrefixedModel(source_.header_data())->UnPackTo(&model_);
    for (const std::string& name : options.targets) {
      if (name == "native") {
        targets_.push_back({nullptr, linnet_processor()});
      } else {
        targets_.push_back({name.c_str(), name});
      }
    }
  }

  PackReport run() {
    for (const Target& target : targets_) {
      add_name(report_.processors, target.processor);
      choose_matrices(target);
    }
    if (!options_.keep_plain) drop_plain();
    collect_pieces();
    place_pieces(write_header().size());
    write();
    return std::move(report_);
  }

 private:
  objects::TensorT& tensor(int32_t index) {
    source_.tensor(index);  // throws if there is none
    return *model_.tensors[static_cast<size_t>(index)];
  }

  std::string name_of(const objects::TensorT& tensor) const {
    return options_.input + ": tensor '" + tensor.name + "'";
  }

  const std::vector<int32_t>& inputs_of(const objects::OperatorT& op, size_t count) const {
    if (op.inputs.size() == count) return op.inputs;
    throw std::runtime_error(options_.input + ": " + op.name + " has " +
                             std::to_string(op.inputs.size()) + " inputs where " +
                             std::to_string(count) + " belong");
  }

  /// What an operator multiplies by.
  std::vector<Stack> stacks_of(const objects::OperatorT& op) const {
    constexpr size_t kLinearInputs = 3, kMixtureInputs = 4;
    if (const auto* mixture = op.attributes.AsMixtureOfExperts()) {
      const std::vector<int32_t>& inputs = inputs_of(op, kMixtureInputs);
      return {{inputs[1], -1, mixture->experts}, {inputs[2], -1, mixture->experts}};
    }
    const auto* grouped = op.attributes.AsGroupedLinear();
    if (grouped == nullptr && op.attributes.AsLinear() == nullptr) return {};
    const std::vector<int32_t>& inputs = inputs_of(op, kLinearInputs);
    return {{inputs[1], inputs[2], grouped != nullptr ? grouped->groups : 1}};
  }

  void choose_matrices(const Target& target) {
    for (const auto& entry : model_.entry_points) {
      for (const auto& op : entry->operators) {
        for (const Stack& stack : stacks_of(*op)) {
          if (is_packed_type(tensor(stack.weight).type)) choose(stack, target);
        }
      }
    }
  }

  void choose(const Stack& stack, const Target& target) {
    const int32_t weight = stack.weight;
    const int32_t bias = stack.bias;
    const uint32_t parts = stack.parts;
    objects::PackedSectionT& section = section_of(tensor(weight), target);
    const bool is_there = std::ranges::any_of(section.matrices, [&](const auto& known) {
      return known->weight == weight && known->bias == bias;
    });
    if (is_there) return;
    if (!is_plain(tensor(weight))) {
      throw std::runtime_error(name_of(tensor(weight)) +
                               " is there in another layout than that of " + target.processor +
                               " only: pack a file that has the plain one");
    }
    auto matrix = std::make_unique<objects::PackedMatrixT>();
    matrix->weight = weight;
    matrix->bias = bias;
    const linnet_matrix sizes = sizes_of(tensor(weight), parts);
    size_t part_bytes = 0;
    linnet_message why;
    require_ok(linnet_packed_bytes(&sizes, target.name, &part_bytes, &why), why,
               name_of(tensor(weight)));
    const uint64_t bytes = on_boundary(part_bytes) * (parts - 1) + part_bytes;
    matrix->data = std::make_unique<Segment>(0, bytes);
    new_matrices_.emplace(matrix.get(), NewMatrix{parts, &target});
    report_.matrices += parts;
    report_.packed_bytes += bytes;
    section.matrices.push_back(std::move(matrix));
  }

  /// The section of a target's layout, which others may share, made where there is none.
  objects::PackedSectionT& section_of(const objects::TensorT& weight, const Target& target) {
    uint64_t layout = 0;
    linnet_message why;
    require_ok(linnet_packed_layout(static_cast<linnet_matrix_type>(weight.type), weight.block,
                                    target.name, &layout, &why),
               why, name_of(weight));
    for (const auto& section : model_.packed) {
      if (section->type != weight.type || section->layout != layout) continue;
      add_name(section->processor, target.processor);
      return *section;
    }
    auto section = std::make_unique<objects::PackedSectionT>();
    section->type = weight.type;
    section->layout = layout;
    section->processor = target.processor;
    model_.packed.push_back(std::move(section));
    return *model_.packed.back();
  }

  /// Of one of the parts.
  linnet_matrix sizes_of(const objects::TensorT& weight, uint32_t parts) const {
    if (weight.shape.size() != 2 || weight.shape[0] <= 0 || weight.shape[1] <= 0 || parts == 0 ||
        static_cast<uint32_t>(weight.shape[0]) % parts != 0) {
      throw std::runtime_error(name_of(weight) +
                               " is no matrix, or not as many as its operator "
                               "multiplies by");
    }
    return {.type = static_cast<linnet_matrix_type>(weight.type),
            .outputs = static_cast<size_t>(weight.shape[0]) / parts,
            .inputs = static_cast<size_t>(weight.shape[1]),
            .block = has_scales(weight.type) ? weight.block : 0,
            .values = nullptr,
            .scales = nullptr,
            .bias = nullptr};
  }

  /// Takes away the plain form of matrices that nothing but products reads, and of their scales.
  void drop_plain() {
    std::set<int32_t> packed;
    for (const auto& section : model_.packed) {
      for (const auto& matrix : section->matrices) packed.insert(matrix->weight);
    }
    std::set<int32_t> kept;
    for (const auto& entry : model_.entry_points) {
      for (const auto& op : entry->operators) keep_read(*op, kept);
    }
    std::set<int32_t> kept_scales;
    for (const int32_t index : kept) kept_scales.insert(tensor(index).scales);
    for (const int32_t index : packed) {
      if (kept.count(index) != 0) continue;
      const int32_t scales = tensor(index).scales;
      tensor(index).data = std::make_unique<Segment>(0, 0);
      if (scales >= 0 && kept_scales.count(scales) == 0) {
        tensor(scales).data = std::make_unique<Segment>(0, 0);
      }
    }
  }

  void keep_read(const objects::OperatorT& op, std::set<int32_t>& kept) const {
    const std::vector<Stack> stacks = stacks_of(op);
    for (const int32_t input : op.inputs) {
      const bool is_multiplied =
          std::ranges::any_of(stacks, [&](const Stack& stack) { return stack.weight == input; });
      if (input >= 0 && !is_multiplied) kept.insert(input);
    }
  }

  void collect_pieces() {
    for (const auto& tensor : model_.tensors) add_old(tensor->data.get());
    if (model_.tokenizer != nullptr) {
      objects::TokenizerT& tokenizer = *model_.tokenizer;
      for (auto* segment :
           {&tokenizer.token_offsets, &tokenizer.token_bytes, &tokenizer.tokens_by_bytes,
            &tokenizer.merge_offsets, &tokenizer.merges, &tokenizer.scores,
            &tokenizer.charsmap_trie, &tokenizer.charsmap_text}) {
        add_old(segment->get());
      }
    }
    for (const auto& section : model_.packed) {
      for (const auto& matrix : section->matrices) {
        if (new_matrices_.count(matrix.get()) == 0) {
          add_old(matrix->data.get());
        } else {
          pieces_.push_back({*matrix->data, matrix.get(), {matrix->data.get()}});
        }
      }
    }
  }

  /// Segments that share their bytes go on to do so.
  void add_old(Segment* segment) {
    if (segment == nullptr || segment->size() == 0) return;
    const std::pair<uint64_t, uint64_t> bytes = {segment->offset(), segment->size()};
    const auto [known, is_new] = old_pieces_.try_emplace(bytes, pieces_.size());
    if (is_new) pieces_.push_back({*segment, nullptr, {}});
    pieces_[known->second].users.push_back(segment);
  }

  /// Segments are structs: a header's size doesn't depend on what they say.
  void place_pieces(uint64_t header_bytes) {
    const auto round_up = [](uint64_t value, uint64_t multiple) {
      return (value + multiple - 1) / multiple * multiple;
    };
    uint64_t end = round_up(header_bytes, kPageBytes);
    for (const Piece& piece : pieces_) {
      const uint64_t offset = round_up(end, kSegmentAlignment);
      for (Segment* user : piece.users) *user = Segment(offset, piece.old.size());
      end = offset + piece.old.size();
    }
    report_.file_bytes = end;
  }

  std::vector<uint8_t> write_header() const {
    flatbuffers::FlatBufferBuilder builder;
    objects::FinishSizePrefixedModelBuffer(builder, objects::Model::Pack(builder, &model_));
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

  void write() {
    convert::OutputFile file(options_.output);
    const std::vector<uint8_t> header = write_header();
    file.write(std::as_bytes(std::span(header)));
    file.pad_to(kPageBytes);
    for (const Piece& piece : pieces_) {
      file.pad_to(kSegmentAlignment);
      if (piece.matrix != nullptr) {
        write_packed(*piece.matrix, file);
      } else {
        copy_old(piece.old, file);
      }
    }
    file.commit();
  }

  void tell_progress(const convert::OutputFile& file) const {
    if (options_.progress) options_.progress(file.position(), report_.file_bytes);
  }

  void copy_old(const Segment& old, convert::OutputFile& file) const {
    std::vector<std::byte> bytes(std::min<uint64_t>(old.size(), convert::kReadPiece));
    for (uint64_t done = 0; done < old.size();) {
      const auto part = std::span(bytes).first(std::min<uint64_t>(bytes.size(), old.size() - done));
      input_.read_at(old.offset() + done, part);
      file.write(part);
      done += part.size();
      tell_progress(file);
    }
  }

  /// Part after part, each on a boundary.
  void write_packed(const objects::PackedMatrixT& matrix, convert::OutputFile& file) {
    const schema::Tensor& weight = source_.tensor(matrix.weight);
    const auto [parts, target] = new_matrices_.at(&matrix);
    const DataType type = tensor(matrix.weight).type;
    linnet_matrix plain = sizes_of(tensor(matrix.weight), parts);
    const uint64_t count = uint64_t{plain.outputs} * plain.inputs;
    const uint64_t row_scales =
        plain.block == 0 ? 1 : (plain.inputs + plain.block - 1) / plain.block;
    const uint64_t scale_count = row_scales * plain.outputs;
    const uint64_t value_bytes = count * element_bits(weight.type()) / 8;
    AlignedBytes scales, bias;
    uint64_t scale_bytes = 0;
    if (has_scales(type)) {
      const bool is_half = plain.block != 0 && type == DataType::int4;
      const uint64_t bytes = is_half ? sizeof(uint16_t) : sizeof(float);
      scale_bytes = scale_count * bytes;
    }
    size_t size = 0;
    linnet_message why;
    require_ok(linnet_packed_bytes(&plain, target->name, &size, &why), why,
               string_of(weight.name()));
    const AlignedBytes packed = aligned_bytes(size);
    for (uint32_t part = 0; part < parts; ++part) {
      const AlignedBytes values = read(weight, value_bytes, part, parts);
      plain.values = values.get();
      if (scale_bytes != 0)
        scales = read(source_.tensor(weight.scales()), scale_bytes, part, parts);
      plain.scales = scales.get();
      if (matrix.bias >= 0)
        bias = read(source_.tensor(matrix.bias), plain.outputs * sizeof(float), part, parts);
      plain.bias = reinterpret_cast<const float*>(bias.get());
      require_ok(linnet_pack(&plain, target->name, packed.get(), size, &why), why,
                 options_.input + ": tensor '" + string_of(weight.name()) + "'");
      file.pad_to(kSegmentAlignment);
      file.write({packed.get(), size});
      tell_progress(file);
    }
  }

  /// Part `part` of a weight's values, which must be `parts` times `bytes` that the file really
  /// has.
  AlignedBytes read(const schema::Tensor& weight, uint64_t bytes, uint32_t part,
                    uint32_t parts) const {
    const schema::Segment* segment = weight.data();
    const uint64_t found = segment == nullptr ? 0 : segment->size();
    if (found != bytes * parts || found > input_.size() ||
        segment->offset() > input_.size() - found) {
      throw std::runtime_error(options_.input + ": tensor '" + string_of(weight.name()) +
                               "' should have " + std::to_string(bytes * parts) +
                               " bytes within the file, found " + std::to_string(found));
    }
    const size_t size = convert::memory_size(bytes);
    AlignedBytes memory = aligned_bytes(size);
    input_.read_at(segment->offset() + part * bytes, {memory.get(), size});
    return memory;
  }

  const PackOptions& options_;
  const ModelFile source_;
  const InputFile input_;
  objects::ModelT model_;
  std::vector<Target> targets_;
  std::map<const objects::PackedMatrixT*, NewMatrix> new_matrices_;
  std::vector<Piece> pieces_;
  std::map<std::pair<uint64_t, uint64_t>, size_t> old_pieces_;  // by offset and size
  PackReport report_;
};

}  // namespace

std::vector<std::string> pack_targets() {
  std::vector<std::string> names;
  for (size_t i = 0; linnet_pack_target(i) != nullptr; ++i)
    names.emplace_back(linnet_pack_target(i));
  return names;
}

PackReport pack_model(const PackOptions& options) { return Packer(options).run(); }

}  // namespace linnet::cli
