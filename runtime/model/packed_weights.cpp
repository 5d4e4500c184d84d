#include "runtime/model/packed_weights.h"

#include <cmath>

namespace linnet {
namespace {

size_t whole_pages(size_t bytes) {
  const size_t page = platform::page_bytes();
  return (bytes + page - 1) / page * page;
}

size_t matrix_bytes(const LinearWeights& weights) {
  return weights.inputs * weights.outputs *
         (weights.type == DataType::int8 ? sizeof(int8_t) : sizeof(float));
}

}  // namespace

LinearWeights LinearWeights::of(const Graph& graph, const Operator& linear) {
  const Tensor& matrix = graph.tensors[static_cast<size_t>(linear.inputs[1])];
  LinearWeights weights;
  weights.type = matrix.type;
  weights.outputs = matrix.shape[0].number();
  weights.inputs = matrix.shape[1].number();
  weights.matrix = matrix.data;
  weights.scales = matrix.scales;
  if (linear.inputs[2] >= 0) {
    weights.bias =
        static_cast<const float*>(graph.tensors[static_cast<size_t>(linear.inputs[2])].data);
  }
  return weights;
}

PackedWeights::~PackedWeights() {
  for (const Entry& entry : entries_) platform::release_pages(entry.packed, entry.bytes);
}

Status PackedWeights::pack(const Graph& graph, const platform::FileMapping* mapping,
                           const linnet_model_options& options) {
  if (xnn_initialize(/*allocator=*/nullptr) != xnn_status_success) {
    return Status::error(LINNET_UNSUPPORTED, "XNNPACK has no kernels for this processor");
  }
  provider_ = provider();
  size_t matrices = 0;
  for (const Operator& op : graph.operators)
    matrices += std::holds_alternative<LinearAttributes>(op.attributes);
  if (!entries_.allocate(matrices)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the list of %zu matrices", matrices);
  }
  size_t done = 0;
  for (const Operator& op : graph.operators) {
    if (!std::holds_alternative<LinearAttributes>(op.attributes)) continue;
    const LinearWeights weights = LinearWeights::of(graph, op);
    const Status status = pack_one(weights);
    if (status.failed())
      return status.within("%.*s: ", static_cast<int>(op.name.size()), op.name.data());
    if (mapping != nullptr) mapping->give_back(weights.matrix, matrix_bytes(weights));
    ++done;
    if (options.progress != nullptr &&
        !options.progress(static_cast<float>(done) / static_cast<float>(matrices),
                          options.progress_context)) {
      return Status::error(LINNET_CANCELLED, "cancelled while packing matrices");
    }
  }
  packed_ = true;
  return Status::ok();
}

// XNNPACK's key does not tell matrices of different shapes or scales at one address apart (its seed
// is a mere XOR of sizes): a file whose segments overlap must not get one's packing for the other.
Status PackedWeights::pack_one(const LinearWeights& weights) {
  for (size_t i = 0; i < count_; ++i) {
    const LinearWeights& other = entries_[i].weights;
    if (other.matrix == weights.matrix && !(other == weights)) {
      return Status::error(LINNET_INVALID_MODEL,
                           "its matrix lies where another one of other sizes or scales does");
    }
  }
  const size_t before = count_;
  xnn_operator_t packed = nullptr;
  const Status status = create_operator(weights, weights.inputs, weights.outputs, &packed);
  if (status.failed()) return status;
  xnn_delete_operator(packed);
  if (count_ > before) entries_[before].weights = weights;
  return Status::ok();
}

Status PackedWeights::create_operator(const LinearWeights& weights, size_t input_stride,
                                      size_t output_stride, xnn_operator_t* out) const {
  xnn_status status = xnn_status_unsupported_parameter;
  if (weights.type == DataType::int8) {
    status = xnn_create_fully_connected_nc_qd8_f32_qc8w(
        weights.inputs, weights.outputs, input_stride, output_stride, weights.scales,
        static_cast<const int8_t*>(weights.matrix), weights.bias, -INFINITY, INFINITY, /*flags=*/0,
        /*code_cache=*/nullptr, &provider_, out);
  } else {
    status = xnn_create_fully_connected_nc_f32(
        weights.inputs, weights.outputs, input_stride, output_stride,
        static_cast<const float*>(weights.matrix), weights.bias, -INFINITY, INFINITY, /*flags=*/0,
        /*code_cache=*/nullptr, &provider_, out);
  }
  switch (status) {
    case xnn_status_success:
      return Status::ok();
    case xnn_status_out_of_memory:
      return Status::error(LINNET_OUT_OF_MEMORY, "no memory to pack a [%zu, %zu] matrix",
                           weights.outputs, weights.inputs);
    case xnn_status_invalid_parameter:
      return Status::error(LINNET_INVALID_MODEL,
                           "XNNPACK refuses the sizes or scales of its [%zu, %zu] matrix",
                           weights.outputs, weights.inputs);
    case xnn_status_unsupported_hardware:
      return Status::error(LINNET_UNSUPPORTED,
                           "XNNPACK has no kernel for this type on this processor");
    default:
      return Status::error(LINNET_INTERNAL, "XNNPACK refused a [%zu, %zu] matrix with status %d",
                           weights.outputs, weights.inputs, static_cast<int>(status));
  }
}

xnn_weights_cache_provider PackedWeights::provider() const {
  return {.context = const_cast<PackedWeights*>(this),
          .look_up = look_up,
          .reserve_space = reserve_space,
          .look_up_or_insert = insert,
          .is_finalized = is_finalized,
          .offset_to_addr = offset_to_address,
          .delete_cache = forget};
}

size_t PackedWeights::look_up(void* context, const xnn_weights_cache_look_up_key* key) {
  const auto* self = static_cast<const PackedWeights*>(context);
  for (size_t i = 0; i < self->count_; ++i) {
    const Entry& entry = self->entries_[i];
    if (entry.weights.matrix == key->kernel && entry.key_bias == key->bias &&
        entry.seed == key->seed)
      return i;
  }
  return SIZE_MAX;
}

// A session that opens later must find everything packed: space is handed out while packing only.
void* PackedWeights::reserve_space(void* context, size_t bytes) {
  const auto* self = static_cast<const PackedWeights*>(context);
  return self->packed_ ? nullptr : platform::allocate_pages(whole_pages(bytes));
}

size_t PackedWeights::insert(void* context, const xnn_weights_cache_look_up_key* key, void* packed,
                             size_t bytes) {
  auto* self = static_cast<PackedWeights*>(context);
  const size_t held = whole_pages(bytes);
  Entry& entry = self->entries_[self->count_];
  entry.weights.matrix = key->kernel;
  entry.seed = key->seed;
  entry.key_bias = key->bias;
  entry.packed = packed;
  entry.bytes = held;
  self->bytes_ += held;
  return self->count_++;
}

bool PackedWeights::is_finalized(void* context) {
  return static_cast<const PackedWeights*>(context)->packed_;
}

void* PackedWeights::offset_to_address(void* context, size_t offset) {
  return static_cast<const PackedWeights*>(context)->entries_[offset].packed;
}

xnn_status PackedWeights::forget(void*) { return xnn_status_success; }

}  // namespace linnet
