#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "runtime/base/status.h"
#include "runtime/model/classifier.h"
#include "runtime/model/graph.h"
#include "runtime/model/packed_weights.h"
#include "runtime/model/tokenizer_data.h"
#include "schema/linnet_generated.h"

namespace linnet {

/// The newest format this runtime reads; it reads every earlier one too.
inline constexpr uint16_t format_major = 1;

/// Tensors, and operators, that a graph may have: several times what any model needs. Bounds the
/// work that a hostile file can cause.
inline constexpr uint32_t most_graph_parts = 1 << 15;

/// The bytes of a whole .linnet file. A view.
struct FileBytes {
  const std::byte* data = nullptr;
  size_t size = 0;
};

/// Verifies the header that starts the file, its identifier and its version.
Status read_header(FileBytes file, const schema::Model** out);

/// Checks that a segment lies within the file on a 64-byte boundary with `bytes` bytes, and finds
/// it. `what` names it in the message.
Status find_segment(FileBytes file, const schema::Segment* segment, uint64_t bytes,
                    std::string_view what, const void** out);

Status read_tensors(FileBytes file, const schema::Model& header, Graph* out);
/// Entry points with their operators. The graph's tensors must have been read.
Status read_entry_points(const schema::Model& header, Graph* out);
/// `out` has room for all of them; `tensors` is how many there are to refer to.
Status read_operators(const flatbuffers::Vector<flatbuffers::Offset<schema::Operator>>& from,
                      size_t tensors, std::span<Operator> out);

/// The matrices that the file holds packed, whoever for. The graph's tensors must have been read.
Status read_packed(FileBytes file, const schema::Model& header, const Graph& graph,
                   Array<StoredSection>* out);
Status read_tokenizer(FileBytes file, const schema::Tokenizer& from, TokenizerData* to);

/// The graph's entry points must have been read.
Status read_classifier(const schema::Classifier& from, const Graph& graph, Classifier* to);

inline std::string_view view_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

}  // namespace linnet
