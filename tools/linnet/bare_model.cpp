#include "tools/linnet/bare_model.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "tools/linnet/matrix_products.h"

namespace linnet::cli {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using schema::DataType;
using schema::Storage;

constexpr int32_t tokens_symbol = -1;       // "T"
constexpr int32_t wanted_rows_symbol = -2;  // "L"
constexpr int32_t token_tensor = 0;
constexpr uint64_t line_bytes = sizeof(FileLine);

uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Random values of one type, of which every weight is a part.
struct Pool {
  uint64_t largest = 0;  ///< bytes of the largest weight
  uint64_t weights = 0;
  uint64_t offset = 0;  ///< in the file

  uint64_t bytes() const { return round_up(largest, line_bytes) + weights * line_bytes; }
};

/// Weights of one type share a pool; scales, which must be positive, have their own.
using PoolKey = std::pair<DataType, bool>;

struct BareTensor {
  std::string name;
  DataType type = DataType::f32;
  Storage storage = Storage::activation;
  std::vector<int32_t> shape;
  int32_t scales = -1;
  uint32_t block = 0;
  PoolKey pool = {};
  uint64_t place = 0;  ///< in the pool, in lines
  uint64_t bytes = 0;
};

struct BareOperator {
  std::string name;
  const schema::Operator* model = nullptr;  ///< whose attributes it has; null: none but its kind
  schema::Attributes kind = schema::Attributes::NONE;
  std::vector<int32_t> inputs;
  int32_t output = -1;
};

/// The graph of a bare model, and where its weights lie.
class BareGraph {
 public:
  explicit BareGraph(const ModelFile& file) : file_(file) {
    add({.name = "tokens", .type = DataType::int32, .shape = {tokens_symbol}});
    for (const auto* op : *main_entry(file).operators()) {
      if (op->attributes_type() == schema::Attributes::Quantize) add_quantize(*op);
      if (multiplies(op->attributes_type())) add_product(*op);
    }
    if (logits_ < 0) throw std::runtime_error("no matrix product of the model makes logits");
  }

  std::vector<FileLine> bytes() {
    const std::vector<uint8_t> unplaced = header();
    uint64_t end = round_up(unplaced.size(), line_bytes);
    for (auto& [key, pool] : pools_) {
      pool.offset = end;
      end += pool.bytes();
    }
    std::vector<FileLine> lines(end / line_bytes);
    const auto memory = std::as_writable_bytes(std::span(lines));
    const std::vector<uint8_t> placed = header();  // of the same size: places are plain numbers
    std::memcpy(memory.data(), placed.data(), placed.size());
    for (const auto& [key, pool] : pools_) fill(key, memory.subspan(pool.offset, pool.bytes()));
    return lines;
  }

 private:
  int32_t add(BareTensor tensor) {
    tensors_.push_back(std::move(tensor));
    return static_cast<int32_t>(tensors_.size() - 1);
  }

  int32_t add_weight(BareTensor tensor, bool is_scales) {
    uint64_t elements = 1;
    for (const int32_t dimension : tensor.shape) elements *= static_cast<uint64_t>(dimension);
    tensor.storage = Storage::weight;
    tensor.bytes = (elements * element_bits(tensor.type) + 7) / 8;
    tensor.pool = {tensor.type, is_scales};
    Pool& pool = pools_[tensor.pool];
    tensor.place = pool.weights++;
    pool.largest = std::max(pool.largest, tensor.bytes);
    return add(std::move(tensor));
  }

  /// The bare model's copy of a weight, made once.
  int32_t weight(int32_t index, bool is_scales = false) {
    if (index < 0) return -1;
    const auto known = copies_.find(index);
    if (known != copies_.end()) return known->second;
    const schema::Tensor& from = file_.tensor(index);
    const int32_t scales = weight(from.scales(), /*is_scales=*/true);
    const int32_t copy = add_weight({.name = from.name()->str(),
                                     .type = from.type(),
                                     .shape = {from.shape()->begin(), from.shape()->end()},
                                     .scales = scales,
                                     .block = from.block()},
                                    is_scales);
    return copies_[index] = copy;
  }

  /// f32 rows of `width` values, for all tokens or for those whose logits are wanted.
  int32_t rows(int32_t width, bool wanted_only) {
    const auto known = rows_.find({width, wanted_only});
    if (known != rows_.end()) return known->second;
    const std::string name = "rows." + std::to_string(width) + (wanted_only ? ".wanted" : "");
    std::vector<int32_t> inputs;
    if (wanted_only) {
      inputs = {rows(width, false)};
    } else {
      const int32_t table = add_weight(
          {.name = name + ".table", .shape = {static_cast<int32_t>(bare_tokens), width}}, false);
      inputs = {token_tensor, table};
    }
    const auto kind = wanted_only ? schema::Attributes::LastRows : schema::Attributes::Embedding;
    return rows_[{width, wanted_only}] =
               add_operator(name, kind, std::move(inputs), DataType::f32, width, wanted_only);
  }

  int32_t add_operator(const std::string& name, schema::Attributes kind,
                       std::vector<int32_t> inputs, DataType type, int32_t width,
                       bool wanted_only) {
    const int32_t symbol = wanted_only ? wanted_rows_symbol : tokens_symbol;
    const int32_t output = add({.name = name, .type = type, .shape = {symbol, width}});
    operators_.push_back(
        {.name = name, .kind = kind, .inputs = std::move(inputs), .output = output});
    return output;
  }

  void add_quantize(const schema::Operator& from) {
    const schema::Tensor& output = file_.tensor(from.outputs()->Get(0));
    const bool wanted_only = has_wanted_rows(file_, output);
    const int32_t width = output.shape()->Get(1);
    const int32_t x = rows(width, wanted_only);
    copies_[from.outputs()->Get(0)] = add_operator(from.name()->str(), from.attributes_type(), {x},
                                                   output.type(), width, wanted_only);
  }

  /// The matrices of the model's operator times rows of their own.
  void add_product(const schema::Operator& from) {
    const schema::Tensor& output = file_.tensor(from.outputs()->Get(0));
    const bool wanted_only = has_wanted_rows(file_, output);
    const auto quantized = copies_.find(from.inputs()->Get(0));
    const int32_t width = file_.tensor(from.inputs()->Get(0)).shape()->Get(1);
    std::vector<int32_t> inputs = {quantized != copies_.end() ? quantized->second
                                                              : rows(width, wanted_only)};
    for (uint32_t i = 1; i < from.inputs()->size(); ++i) {
      const int32_t input = from.inputs()->Get(i);
      const bool is_weight = input < 0 || file_.tensor(input).storage() == Storage::weight;
      inputs.push_back(is_weight ? weight(input)
                                 : rows(file_.tensor(input).shape()->Get(1), wanted_only));
    }
    const int32_t y = add_operator(from.name()->str(), from.attributes_type(), std::move(inputs),
                                   DataType::f32, output.shape()->Get(1), wanted_only);
    operators_.back().model = &from;
    if (wanted_only) logits_ = y;
  }

  static Offset<void> attributes(FlatBufferBuilder& out, const BareOperator& op) {
    switch (op.kind) {
      case schema::Attributes::Linear:
        return schema::CreateLinear(out).Union();
      case schema::Attributes::GroupedLinear:
        return schema::CreateGroupedLinear(out, op.model->attributes_as_GroupedLinear()->groups())
            .Union();
      case schema::Attributes::MixtureOfExperts: {
        const auto& mixture = *op.model->attributes_as_MixtureOfExperts();
        return schema::CreateMixtureOfExperts(out, mixture.experts(), mixture.experts_per_token(),
                                              mixture.normalize(), mixture.activation())
            .Union();
      }
      case schema::Attributes::Quantize:
        return schema::CreateQuantize(out).Union();
      case schema::Attributes::LastRows:
        return schema::CreateLastRows(out).Union();
      default:
        return schema::CreateEmbedding(out).Union();
    }
  }

  std::vector<uint8_t> header() const {
    FlatBufferBuilder out;
    const std::vector symbols = {schema::CreateSymbolDirect(out, "T"),
                                 schema::CreateSymbolDirect(out, "L")};
    std::vector<Offset<schema::Tensor>> tensors;
    for (const BareTensor& tensor : tensors_) {
      const bool is_weight = tensor.storage == Storage::weight;
      const uint64_t pool = is_weight ? pools_.at(tensor.pool).offset : 0;
      const schema::Segment segment(pool + tensor.place * line_bytes, tensor.bytes);
      tensors.push_back(schema::CreateTensorDirect(
          out, tensor.name.c_str(), tensor.type, tensor.storage, &tensor.shape,
          is_weight ? &segment : nullptr, tensor.scales, tensor.block));
    }
    std::vector<Offset<schema::Operator>> operators;
    for (const BareOperator& op : operators_) {
      const std::vector<int32_t> outputs = {op.output};
      operators.push_back(schema::CreateOperatorDirect(out, op.name.c_str(), op.kind,
                                                       attributes(out, op), &op.inputs, &outputs));
    }
    const std::vector<int32_t> inputs = {token_tensor};
    const std::vector<int32_t> outputs = {logits_};
    const std::vector entries = {
        schema::CreateEntryPointDirect(out, "decode", &inputs, &outputs, &operators)};
    const auto metadata = schema::CreateMetadataDirect(out, "bare", "bare");
    schema::FinishSizePrefixedModelBuffer(
        out, schema::CreateModelDirect(out, file_.header().version_major(),
                                       file_.header().version_minor(), metadata, &symbols, &tensors,
                                       &entries));
    return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
  }

  /// Small values of either sign; scales are all the same.
  static void fill(const PoolKey& key, std::span<std::byte> memory) {
    const auto [type, is_scales] = key;
    uint64_t random = 1;
    for (size_t at = 0; at < memory.size(); at += sizeof(uint64_t)) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      uint64_t bits = random ^ (random >> 32);
      // Signs and low bits of the mantissa stay random, the exponents are those of about 0.01.
      const uint64_t keep = is_scales ? 0 : UINT64_MAX;
      if (type == DataType::f32) bits = (bits & keep & 0x807fffff807fffffu) | 0x3c0000003c000000u;
      if (type == DataType::bf16) bits = (bits & keep & 0x807f807f807f807fu) | 0x3c003c003c003c00u;
      if (type == DataType::f16) bits = (bits & keep & 0x83ff83ff83ff83ffu) | 0x2000200020002000u;
      std::memcpy(memory.data() + at, &bits, sizeof bits);
    }
  }

  const ModelFile& file_;
  std::vector<BareTensor> tensors_;
  std::vector<BareOperator> operators_;
  std::map<PoolKey, Pool> pools_;
  std::map<int32_t, int32_t> copies_;                 // weights and quantised rows, by the model's
  std::map<std::pair<int32_t, bool>, int32_t> rows_;  // by width and "wanted only"
  int32_t logits_ = -1;
};

}  // namespace

std::vector<FileLine> bare_model(const ModelFile& file) { return BareGraph(file).bytes(); }

}  // namespace linnet::cli
