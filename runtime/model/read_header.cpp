#include <cinttypes>
#include <cstring>

#include "runtime/model/header.h"

namespace linnet {
namespace {

constexpr size_t prefix_bytes = sizeof(flatbuffers::uoffset_t);
constexpr size_t identifier_offset = prefix_bytes + sizeof(flatbuffers::uoffset_t);
constexpr size_t segment_alignment = 64;
// More tables than any model needs; bounds the verifier's work on a hostile file.
constexpr flatbuffers::uoffset_t most_tables = 1'000'000;

}  // namespace

Status read_header(FileBytes file, const schema::Model** out) {
  const char* identifier = schema::ModelIdentifier();
  if (file.size < identifier_offset + 4 ||
      std::memcmp(file.data + identifier_offset, identifier, 4) != 0) {
    return Status::error(LINNET_INVALID_MODEL, "is not a .linnet file (no \"%s\" at byte %zu)",
                         identifier, identifier_offset);
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data);
  const auto claimed = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(bytes);
  if (claimed > file.size - prefix_bytes) {
    return Status::error(LINNET_INVALID_MODEL,
                         "is cut short: its header has %" PRIu32 " bytes, the file %zu", claimed,
                         file.size);
  }
  flatbuffers::Verifier::Options limits;
  limits.max_tables = most_tables;
  flatbuffers::Verifier verifier(bytes, prefix_bytes + claimed, limits);
  if (!schema::VerifySizePrefixedModelBuffer(verifier)) {
    return Status::error(LINNET_INVALID_MODEL, "has a damaged header");
  }
  const schema::Model* model = schema::GetSizePrefixedModel(bytes);
  if (model->version_major() > format_major) {
    return Status::error(LINNET_UNSUPPORTED,
                         "has format version %u.%u; this runtime reads up to %u: update Linnet",
                         model->version_major(), model->version_minor(), format_major);
  }
  *out = model;
  return Status::ok();
}

Status find_segment(FileBytes file, const schema::Segment* segment, uint64_t bytes,
                    std::string_view what, const void** out) {
  const int length = static_cast<int>(what.size());
  if (segment == nullptr)
    return Status::error(LINNET_INVALID_MODEL, "%.*s: has no data", length, what.data());
  const uint64_t offset = segment->offset();
  const uint64_t size = segment->size();
  if (size != bytes) {
    return Status::error(LINNET_INVALID_MODEL,
                         "%.*s: has %" PRIu64 " bytes of data where its shape needs %" PRIu64,
                         length, what.data(), size, bytes);
  }
  if (offset % segment_alignment != 0 || offset > file.size || size > file.size - offset) {
    return Status::error(LINNET_INVALID_MODEL,
                         "%.*s: its data at %" PRIu64 " + %" PRIu64
                         " is not within the file's %zu bytes",
                         length, what.data(), offset, size, file.size);
  }
  *out = file.data + offset;
  return Status::ok();
}

}  // namespace linnet
