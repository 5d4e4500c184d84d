#include <cinttypes>
#include <limits>

#include "runtime/model/header.h"

namespace linnet {
namespace {

Status broken(const Tensor& tensor, const char* why) {
  return Status::error(LINNET_INVALID_MODEL, "tensor %.*s: %s",
                       static_cast<int>(tensor.name.size()), tensor.name.data(), why);
}

Status read_symbols(const schema::Model& header, Array<Dimension>* out) {
  if (!out->allocate(header.symbols()->size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for its symbols");
  }
  for (size_t i = 0; i < out->size(); ++i) {
    const std::string_view name = view_of(header.symbols()->Get(static_cast<unsigned>(i))->name());
    if (name == "T") {
      (*out)[i] = Dimension(Dimension::Kind::tokens);
    } else if (name == "L") {
      (*out)[i] = Dimension(Dimension::Kind::logits_rows);
    } else if (name == "C") {
      (*out)[i] = Dimension(Dimension::Kind::context);
    } else if (name == "B") {
      (*out)[i] = Dimension(Dimension::Kind::texts);
    } else if (name == "S") {
      (*out)[i] = Dimension(Dimension::Kind::source);
    } else {
      return Status::error(LINNET_UNSUPPORTED,
                           "has the dimension '%.*s', which this runtime does not know",
                           static_cast<int>(name.size()), name.data());
    }
  }
  return Status::ok();
}

Status read_shape(const schema::Tensor& from, const Array<Dimension>& symbols, Tensor* to) {
  to->rank = from.shape()->size();
  if (to->rank > Tensor::max_rank) return broken(*to, "has more than 4 dimensions");
  for (size_t i = 0; i < to->rank; ++i) {
    const int32_t dimension = from.shape()->Get(static_cast<unsigned>(i));
    if (dimension >= 0) {
      to->shape[i] = Dimension(static_cast<size_t>(dimension));
      continue;
    }
    const auto symbol = static_cast<size_t>(-1 - static_cast<int64_t>(dimension));
    if (symbol >= symbols.size()) return broken(*to, "has a dimension without a name");
    to->shape[i] = symbols[symbol];
  }
  return Status::ok();
}

/// Bits of one element; 0 for types that have no plain layout in the file.
size_t element_bits(DataType type) {
  switch (type) {
    case DataType::f32:
    case DataType::int32:
      return 32;
    case DataType::f16:
    case DataType::bf16:
      return 16;
    case DataType::int8:
      return 8;
    case DataType::int4:
      return 4;
    case DataType::dynamic_int8:
    case DataType::dynamic_int16:
      break;
  }
  return 0;
}

// To learn how a matrix of some block is laid out takes memory for matrices of two blocks' width,
// however few values the file has.
constexpr size_t most_block = 1 << 16;

Status check_block(const Tensor& tensor) {
  if (tensor.block <= most_block) return Status::ok();
  return Status::error(
      LINNET_UNSUPPORTED, "tensor %.*s: has a scale for every %zu values; this runtime takes %zu",
      static_cast<int>(tensor.name.size()), tensor.name.data(), tensor.block, most_block);
}

Status check_int4(const Tensor& tensor) {
  constexpr size_t block_multiple = 32;  // what XNNPACK takes
  if (tensor.rank != 2 || tensor.shape[1].number() % 2 != 0 || tensor.block % block_multiple != 0 ||
      (tensor.block != 0 && tensor.shape[1].number() % tensor.block != 0)) {
    return broken(tensor, "is int4, but not a matrix of whole blocks of 32, 64, ... values");
  }
  return Status::ok();
}

Status check_int8(const Tensor& tensor) {
  constexpr size_t block_multiple = 256;  // what a kernel sums in whole numbers
  if (tensor.block == 0 || (tensor.rank == 2 && tensor.block % block_multiple == 0))
    return Status::ok();
  return broken(tensor, "is int8, but not a matrix of blocks of 256, 512, ... values");
}

/// For a matrix that is packed only, which has no plain bytes in the file that bound its size.
/// Packed, it has up to a panel of rows more, and with scales a row has at most twice its bytes.
bool exceeds_address_space(const Tensor& tensor, uint64_t bits) {
  if (tensor.rank != 2) return false;
  constexpr uint64_t panel = 64, filling = 512;
  const uint64_t row_bytes = (tensor.shape[1].number() + filling) * bits / 4;
  return tensor.shape[0].number() + panel > SIZE_MAX / row_bytes;
}

Status read_weight(FileBytes file, const schema::Tensor& from, Tensor* to) {
  uint64_t bits = element_bits(to->type);
  if (bits == 0) return broken(*to, "is a weight of a type that this runtime does not read");
  for (size_t i = 0; i < to->rank; ++i) {
    if (!to->shape[i].is_number()) return broken(*to, "is a weight, but its size is not fixed");
    const uint64_t dimension = to->shape[i].number();
    if (dimension != 0 && bits > std::numeric_limits<uint64_t>::max() / dimension) {
      return broken(*to, "is larger than any file");
    }
    bits *= dimension;
  }
  if (to->type == DataType::int4 || to->type == DataType::int8) {
    to->block = from.block();
    Status fits = to->type == DataType::int4 ? check_int4(*to) : check_int8(*to);
    if (!fits.failed()) fits = check_block(*to);
    if (fits.failed()) return fits;
  }
  const uint64_t bytes = bits / 8;
  to->data_bytes = static_cast<size_t>(bytes);
  const bool is_packed_only = bytes != 0 && from.data() != nullptr && from.data()->size() == 0;
  if (is_packed_only && exceeds_address_space(*to, element_bits(to->type)))
    return broken(*to, "is larger than this machine's address space");
  if (is_packed_only) return Status::ok();
  const Status status = find_segment(file, from.data(), bytes, to->name, &to->data);
  return status.failed() ? status.within("tensor ") : status;
}

// A state's size times the largest context must not overflow, so that sizes can be summed later.
Status check_state(const Tensor& tensor) {
  if (tensor.type != DataType::f32) return broken(tensor, "is a state, but not f32");
  uint64_t elements = 1;
  for (size_t i = 0; i < tensor.rank; ++i) {
    const Dimension::Kind kind = tensor.shape[i].kind();
    if (kind != Dimension::Kind::number && kind != Dimension::Kind::context &&
        kind != Dimension::Kind::source) {
      return broken(tensor, "is a state whose size depends on the chunk");
    }
    elements *= tensor.shape[i].is_number() ? tensor.shape[i].number() : 1;
    if (elements > std::numeric_limits<uint32_t>::max())
      return broken(tensor, "is a state of more than 4 G values");
  }
  return Status::ok();
}

Status check_activation(const Tensor& tensor) {
  const bool is_tokens = tensor.type == DataType::int32 && tensor.rank == 1;
  if (!is_tokens && tensor.rank != 2)
    return broken(tensor, "is an activation without rows and columns");
  if (tensor.rank == 2 && (!tensor.shape[1].is_number() || tensor.shape[1].number() == 0)) {
    return broken(tensor, "has no fixed number of columns above 0");
  }
  const bool is_dynamic =
      tensor.type == DataType::dynamic_int8 || tensor.type == DataType::dynamic_int16;
  if (tensor.type != DataType::f32 && !is_dynamic && !is_tokens) {
    return broken(
        tensor, "is an activation of a type that is not f32, dynamic_int8, dynamic_int16 or int32");
  }
  return Status::ok();
}

Status check_view(const Tensor& tensor, const Array<Tensor>& tensors) {
  if (tensor.base < 0) return Status::ok();
  if (static_cast<size_t>(tensor.base) >= tensors.size())
    return broken(tensor, "is a view of no tensor");
  const Tensor& base = tensors[static_cast<size_t>(tensor.base)];
  if (tensor.storage != Storage::activation || base.storage != Storage::activation ||
      base.base >= 0 || tensor.type != DataType::f32 || base.type != DataType::f32) {
    return broken(tensor, "is a view, but not of f32 activations");
  }
  if (!(tensor.rows() == base.rows()) || tensor.column > base.columns().number() ||
      tensor.columns().number() > base.columns().number() - tensor.column) {
    return broken(tensor, "is a view of columns that its base does not have");
  }
  return Status::ok();
}

size_t divided_up(size_t value, size_t divisor) {
  return value / divisor + (value % divisor != 0 ? 1 : 0);
}

DataType block_scale_type(DataType weights) {
  return weights == DataType::int4 ? DataType::bf16 : DataType::f32;
}

Status link_scales(const schema::Tensor& from, const Array<Tensor>& tensors, Tensor* to) {
  const bool is_scaled = to->type == DataType::int8 || to->type == DataType::int4;
  if (to->storage != Storage::weight || !is_scaled || to->data == nullptr) return Status::ok();
  if (from.scales() < 0 || static_cast<size_t>(from.scales()) >= tensors.size()) {
    return broken(*to, "is int8 or int4 without scales");
  }
  const Tensor& scales = tensors[static_cast<size_t>(from.scales())];
  if (scales.storage != Storage::weight || scales.data == nullptr || to->rank != 2) {
    return broken(*to, "has scales that are no weight");
  }
  const bool per_row = to->block == 0 && scales.type == DataType::f32 && scales.rank == 1;
  const bool per_block = to->block != 0 && scales.rank == 2 &&
                         scales.type == block_scale_type(to->type) &&
                         scales.shape[1] == Dimension(divided_up(to->shape[1].number(), to->block));
  if (!(per_row || per_block) || !(scales.shape[0] == to->shape[0])) {
    return broken(*to,
                  "has scales that are neither one f32 per row nor one per block, f32 of int8 "
                  "and bf16 of int4");
  }
  to->scales = scales.data;
  return Status::ok();
}

Status read_tensor(FileBytes file, const schema::Tensor& from, const Array<Dimension>& symbols,
                   Tensor* to) {
  to->name = view_of(from.name());
  if (from.type() > schema::DataType::MAX || from.storage() > schema::Storage::MAX) {
    return broken(*to, "has a type that this runtime does not know");
  }
  to->type = static_cast<DataType>(from.type());
  to->storage = static_cast<Storage>(from.storage());
  to->base = from.base() < 0 ? -1 : from.base();
  to->column = from.column();
  const Status status = read_shape(from, symbols, to);
  if (status.failed()) return status;
  switch (to->storage) {
    case Storage::weight:
      return read_weight(file, from, to);
    case Storage::state:
      return check_state(*to);
    case Storage::activation:
      return check_activation(*to);
  }
  return Status::ok();
}

}  // namespace

Status read_tensors(FileBytes file, const schema::Model& header, Graph* out) {
  Array<Dimension> symbols;
  Status status = read_symbols(header, &symbols);
  if (status.failed()) return status;
  const auto& from = *header.tensors();
  if (from.size() > most_graph_parts) {
    return Status::error(LINNET_UNSUPPORTED, "has %u tensors; this runtime takes %u", from.size(),
                         most_graph_parts);
  }
  if (!out->tensors.allocate(from.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %u tensors", from.size());
  }
  for (unsigned i = 0; i < from.size(); ++i) {
    status = read_tensor(file, *from.Get(i), symbols, &out->tensors[i]);
    if (status.failed()) return status;
  }
  for (unsigned i = 0; i < from.size(); ++i) {
    status = link_scales(*from.Get(i), out->tensors, &out->tensors[i]);
    if (status.failed()) return status;
    status = check_view(out->tensors[i], out->tensors);
    if (status.failed()) return status;
  }
  return Status::ok();
}

}  // namespace linnet
