#include "tools/convert/model_header.h"

#include <flatbuffers/flatbuffers.h>

#include <utility>

#include "tools/convert/passes/encode_rows.h"

namespace linnet::convert {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr uint16_t kVersionMajor = 1;
constexpr uint16_t kVersionMinor = 0;

/// Hands out one segment after another.
class Allocator {
 public:
  explicit Allocator(uint64_t start) : end_(round_up(start, kPageBytes)) {}

  schema::Segment take(uint64_t bytes) {
    const uint64_t offset = round_up(end_, kSegmentAlignment);
    end_ = offset + bytes;
    return {offset, bytes};
  }

  uint64_t end() const { return end_; }

 private:
  static uint64_t round_up(uint64_t value, uint64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  uint64_t end_;
};

template <typename T>
uint64_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

/// The members of the union Attributes.
struct AttributesWriter {
  FlatBufferBuilder& out;

  Offset<void> operator()(const Linear& a) {
    return schema::CreateLinear(out, a.activation).Union();
  }
  Offset<void> operator()(const Embedding&) { return schema::CreateEmbedding(out).Union(); }
  Offset<void> operator()(const Quantize&) { return schema::CreateQuantize(out).Union(); }
  Offset<void> operator()(const LastRows&) { return schema::CreateLastRows(out).Union(); }
  Offset<void> operator()(const Norm& a) {
    return schema::CreateNorm(out, a.kind, a.groups, a.epsilon).Union();
  }
  Offset<void> operator()(const Elementwise& a) {
    return schema::CreateElementwiseDirect(out, &a.steps).Union();
  }
  Offset<void> operator()(const GroupSum&) { return schema::CreateGroupSum(out).Union(); }
  Offset<void> operator()(const TokenShift&) { return schema::CreateTokenShift(out).Union(); }
  Offset<void> operator()(const CausalConv& a) {
    return schema::CreateCausalConv(out, a.activation).Union();
  }
  Offset<void> operator()(const Rotary& a) {
    return schema::CreateRotary(out, a.heads, a.dimensions, a.style, a.scale).Union();
  }
  Offset<void> operator()(const SoftmaxAttention& a) {
    return schema::CreateSoftmaxAttention(out, a.heads, a.key_value_heads, a.scale, a.mask,
                                          a.window, a.segment, a.clamps_distance)
        .Union();
  }
  Offset<void> operator()(const FastWeight& a) {
    return schema::CreateFastWeight(out, a.heads, a.key_heads, a.decay, a.rule,
                                    a.correct_before_decay, a.read, a.scale, a.squash, a.normalize,
                                    a.normalizer_epsilon, a.normalizer_query_epsilon)
        .Union();
  }
  Offset<void> operator()(const Wkv&) { return schema::CreateWkv(out).Union(); }
  Offset<void> operator()(const SelectiveScan& a) {
    return schema::CreateSelectiveScan(out, a.input).Union();
  }
  Offset<void> operator()(const GroupedLinear& a) {
    return schema::CreateGroupedLinear(out, a.groups, a.activation).Union();
  }
  Offset<void> operator()(const MixtureOfExperts& a) {
    return schema::CreateMixtureOfExperts(out, a.experts, a.experts_per_token, a.normalize,
                                          a.activation)
        .Union();
  }
  Offset<void> operator()(const StabilizedGates&) {
    return schema::CreateStabilizedGates(out).Union();
  }
  Offset<void> operator()(const PositionEmbedding& a) {
    return schema::CreatePositionEmbedding(out, a.offset).Union();
  }
  Offset<void> operator()(const HeadLinear&) { return schema::CreateHeadLinear(out).Union(); }
  Offset<void> operator()(const SoftmaxFeatures& a) {
    return schema::CreateSoftmaxFeatures(out, a.heads, a.side, a.epsilon, a.running).Union();
  }
  Offset<void> operator()(const Dpfp& a) {
    return schema::CreateDpfp(out, a.heads, a.rolls).Union();
  }
  Offset<void> operator()(const Store&) { return schema::CreateStore(out).Union(); }
  Offset<void> operator()(const Pool& a) {
    return schema::CreatePool(out, a.kind, a.recent, a.chunk).Union();
  }
  Offset<void> operator()(const Lstm&) { return schema::CreateLstm(out).Union(); }
  Offset<void> operator()(const Concatenate&) { return schema::CreateConcatenate(out).Union(); }
};

/// The union's tag for each alternative of the variant, in its order.
constexpr schema::Attributes kTags[] = {schema::Attributes::Linear,
                                        schema::Attributes::Embedding,
                                        schema::Attributes::Quantize,
                                        schema::Attributes::LastRows,
                                        schema::Attributes::Norm,
                                        schema::Attributes::Elementwise,
                                        schema::Attributes::GroupSum,
                                        schema::Attributes::TokenShift,
                                        schema::Attributes::CausalConv,
                                        schema::Attributes::Rotary,
                                        schema::Attributes::SoftmaxAttention,
                                        schema::Attributes::FastWeight,
                                        schema::Attributes::Wkv,
                                        schema::Attributes::SelectiveScan,
                                        schema::Attributes::GroupedLinear,
                                        schema::Attributes::MixtureOfExperts,
                                        schema::Attributes::StabilizedGates,
                                        schema::Attributes::PositionEmbedding,
                                        schema::Attributes::HeadLinear,
                                        schema::Attributes::SoftmaxFeatures,
                                        schema::Attributes::Dpfp,
                                        schema::Attributes::Store,
                                        schema::Attributes::Pool,
                                        schema::Attributes::Lstm,
                                        schema::Attributes::Concatenate};
static_assert(std::size(kTags) == std::variant_size_v<Attributes>);

Offset<schema::Tensor> write_tensor(FlatBufferBuilder& out, const Tensor& tensor,
                                    const schema::Segment& segment) {
  const bool is_weight = tensor.storage == schema::Storage::weight;
  return schema::CreateTensorDirect(out, tensor.name.c_str(), tensor.type, tensor.storage,
                                    &tensor.shape, is_weight ? &segment : nullptr, tensor.scales,
                                    tensor.block, tensor.base, tensor.column);
}

Offset<schema::Operator> write_operator(FlatBufferBuilder& out, const Operator& op) {
  const Offset<void> attributes = std::visit(AttributesWriter{out}, op.attributes);
  return schema::CreateOperatorDirect(out, op.name.c_str(), kTags[op.attributes.index()],
                                      attributes, &op.inputs, &op.outputs);
}

Offset<schema::EntryPoint> write_entry_point(FlatBufferBuilder& out, const EntryPoint& entry) {
  std::vector<Offset<schema::Operator>> operators;
  for (const Operator& op : entry.operators) operators.push_back(write_operator(out, op));
  std::vector<Offset<flatbuffers::String>> names;
  for (const std::string& name : entry.output_names) names.push_back(out.CreateString(name));
  return schema::CreateEntryPointDirect(out, entry.name.c_str(), &entry.inputs, &entry.outputs,
                                        &operators, &names);
}

std::vector<Offset<schema::NormalizerStep>> write_normalizers(FlatBufferBuilder& out,
                                                              const TokenizerTables& tables) {
  std::vector<Offset<schema::NormalizerStep>> steps;
  for (const NormalizerRule& step : tables.normalizers) {
    const auto pattern = out.CreateString(step.pattern);
    const auto content = out.CreateString(step.content);
    steps.push_back(schema::CreateNormalizerStep(
        out, static_cast<schema::NormalizerKind>(step.kind), pattern, content));
  }
  return steps;
}

std::vector<Offset<schema::PreTokenizerStep>> write_pre_tokenizers(FlatBufferBuilder& out,
                                                                   const TokenizerTables& tables) {
  std::vector<Offset<schema::PreTokenizerStep>> steps;
  for (const PreTokenizerRule& step : tables.pre_tokenizers) {
    const auto pattern = out.CreateString(step.pattern);
    const auto content = out.CreateString(step.content);
    steps.push_back(schema::CreatePreTokenizerStep(
        out, static_cast<schema::PreTokenizerKind>(step.kind), pattern, content,
        static_cast<schema::SplitBehavior>(step.behavior), step.invert,
        static_cast<schema::PrependScheme>(step.prepend)));
  }
  return steps;
}

std::vector<Offset<schema::DecoderStep>> write_decoders(FlatBufferBuilder& out,
                                                        const TokenizerTables& tables) {
  std::vector<Offset<schema::DecoderStep>> steps;
  for (const DecoderRule& step : tables.decoders) {
    const auto pattern = out.CreateString(step.pattern);
    const auto content = out.CreateString(step.content);
    steps.push_back(schema::CreateDecoderStep(out, static_cast<schema::DecoderKind>(step.kind),
                                              pattern, content, step.start, step.stop));
  }
  return steps;
}

std::vector<schema::TemplatePiece> schema_pieces(const std::vector<TemplatePiece>& from) {
  std::vector<schema::TemplatePiece> pieces;
  pieces.reserve(from.size());
  for (const TemplatePiece& piece : from) pieces.emplace_back(piece.id, piece.type);
  return pieces;
}

Offset<schema::Tokenizer> write_tokenizer(FlatBufferBuilder& out, const TokenizerTables& tables,
                                          const Layout& layout) {
  std::vector<schema::AddedToken> added;
  for (const AddedToken& token : tables.added_tokens) {
    added.emplace_back(token.id, token.special, token.left_strip, token.right_strip,
                       token.single_word, token.normalized);
  }
  const auto normalizers = write_normalizers(out, tables);
  const auto pre_tokenizers = write_pre_tokenizers(out, tables);
  const auto decoders = write_decoders(out, tables);
  const auto single = schema_pieces(tables.single);
  const auto pair = schema_pieces(tables.pair);
  // What the steps say has taken the place of `normalizer`, `split_patterns` and
  // `add_prefix_space`.
  return schema::CreateTokenizerDirect(
      out, static_cast<schema::TokenizerKind>(tables.kind), tables.vocabulary,
      &layout.token_offsets, &layout.token_bytes, &layout.tokens_by_bytes, &layout.merge_offsets,
      &layout.merges, schema::Normalizer::none, nullptr, false, tables.ignore_merges, &added,
      &tables.prefix_ids, &tables.suffix_ids, tables.unknown_id, tables.fuse_unknown, &normalizers,
      &pre_tokenizers, &decoders, tables.byte_fallback, tables.continuing_prefix.c_str(),
      tables.end_of_word_suffix.c_str(), tables.most_word_characters, &layout.scores,
      &layout.charsmap_trie, &layout.charsmap_text, &single, &pair);
}

Offset<schema::Metadata> write_metadata(FlatBufferBuilder& out, const Metadata& metadata) {
  return schema::CreateMetadataDirect(out, metadata.name.c_str(), metadata.architecture.c_str(),
                                      metadata.source.c_str(), metadata.license.c_str(),
                                      metadata.source_sha256.c_str(), metadata.converter.c_str(),
                                      metadata.weights.c_str());
}

Offset<schema::Search> write_search(FlatBufferBuilder& out, const SearchDefaults& search) {
  return schema::CreateSearchDirect(
      out, search.start_id, search.forced_first_id, search.forced_last_id, &search.suppressed_ids,
      search.beams, search.length_penalty, static_cast<schema::Stopping>(search.stopping),
      search.max_tokens, search.min_tokens, search.no_repeat);
}

Offset<schema::Generation> write_generation(FlatBufferBuilder& out, const Model& model) {
  const GenerationDefaults& defaults = model.generation;
  Offset<schema::Search> search;
  const bool translates = !model.graph.encode.inputs.empty() && !model.graph.decode.inputs.empty();
  if (translates) search = write_search(out, defaults.search);
  return schema::CreateGenerationDirect(out, &defaults.end_ids, defaults.temperature,
                                        defaults.top_k, defaults.top_p, defaults.min_p,
                                        defaults.repetition_penalty, model.graph.context, search);
}

Offset<schema::Classifier> write_classifier(FlatBufferBuilder& out, const Labels& labels) {
  if (labels.names.empty()) return {};
  std::vector<Offset<flatbuffers::String>> names;
  for (const std::string& name : labels.names) names.push_back(out.CreateString(name));
  return schema::CreateClassifierDirect(out, &names, labels.function);
}

}  // namespace

Layout lay_out(const Model& model, uint64_t header_bytes) {
  Layout layout;
  Allocator allocator(header_bytes);
  for (const Tensor& tensor : model.graph.tensors) {
    const bool is_weight = tensor.storage == schema::Storage::weight;
    layout.tensors.push_back(is_weight ? allocator.take(stored_bytes(tensor)) : schema::Segment());
  }
  if (model.tokenizer) {
    layout.token_offsets = allocator.take(bytes_of(model.tokenizer->token_offsets));
    layout.token_bytes = allocator.take(bytes_of(model.tokenizer->token_bytes));
    layout.tokens_by_bytes = allocator.take(bytes_of(model.tokenizer->tokens_by_bytes));
    layout.merge_offsets = allocator.take(bytes_of(model.tokenizer->merge_offsets));
    layout.merges = allocator.take(bytes_of(model.tokenizer->merges));
    layout.scores = allocator.take(bytes_of(model.tokenizer->scores));
    layout.charsmap_trie = allocator.take(bytes_of(model.tokenizer->charsmap_trie));
    layout.charsmap_text = allocator.take(bytes_of(model.tokenizer->charsmap_text));
  }
  layout.file_bytes = allocator.end();
  return layout;
}

std::vector<uint8_t> make_header(const Model& model, const Layout& layout) {
  FlatBufferBuilder out;
  std::vector<Offset<schema::Symbol>> symbols;
  for (const std::string& name : model.graph.symbols) {
    symbols.push_back(schema::CreateSymbolDirect(out, name.c_str()));
  }
  std::vector<Offset<schema::Tensor>> tensors;
  for (size_t i = 0; i < model.graph.tensors.size(); ++i) {
    tensors.push_back(write_tensor(out, model.graph.tensors[i], layout.tensors[i]));
  }
  std::vector<Offset<schema::EntryPoint>> entry_points;
  for (const EntryPoint* entry : model.graph.entry_points()) {
    entry_points.push_back(write_entry_point(out, *entry));
  }
  Offset<schema::Tokenizer> tokenizer;
  if (model.tokenizer) tokenizer = write_tokenizer(out, *model.tokenizer, layout);
  const Offset<schema::Generation> generation = write_generation(out, model);
  const Offset<schema::Classifier> classifier = write_classifier(out, model.graph.labels);
  schema::FinishSizePrefixedModelBuffer(
      out, schema::CreateModelDirect(out, kVersionMajor, kVersionMinor,
                                     write_metadata(out, model.metadata), &symbols, &tensors,
                                     &entry_points, tokenizer, generation, /*quality=*/nullptr,
                                     /*packed=*/nullptr, classifier));
  return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

}  // namespace linnet::convert
