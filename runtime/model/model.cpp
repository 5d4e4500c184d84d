#include "runtime/model/model.h"

#include <new>
#include <utility>

#include "runtime/model/header.h"
#include "runtime/model/packing_limit.h"
#include "runtime/text/text_selection.h"

namespace linnet {
namespace {

const char* text_of(const flatbuffers::String* text) {
  return text == nullptr ? "" : text->c_str();
}

Metadata read_metadata(const schema::Metadata& from) {
  return {.name = text_of(from.name()),
          .architecture = text_of(from.architecture()),
          .source = text_of(from.source()),
          .license = text_of(from.license()),
          .weights = text_of(from.weights())};
}

SearchDefaults read_search(const schema::Search& from) {
  SearchDefaults to;
  to.start_id = from.start_id();
  to.forced_first_id = from.forced_first_id();
  to.forced_last_id = from.forced_last_id();
  if (from.suppressed_ids() != nullptr) {
    to.suppressed_ids = {from.suppressed_ids()->data(), from.suppressed_ids()->size()};
  }
  to.beams = from.beams();
  to.length_penalty = from.length_penalty();
  to.stopping = static_cast<linnet_stopping>(from.stopping());
  to.max_tokens = from.max_tokens();
  to.min_tokens = from.min_tokens();
  to.no_repeat = from.no_repeat();
  return to;
}

Status read_generation(const schema::Generation& from, Generation* out) {
  if (from.search() != nullptr && from.search()->stopping() > schema::Stopping::MAX) {
    return Status::error(LINNET_UNSUPPORTED, "has a way to stop a search, %d, that is not known",
                         static_cast<int>(from.search()->stopping()));
  }
  Generation& to = *out;
  if (from.end_ids() != nullptr) to.end_ids = {from.end_ids()->data(), from.end_ids()->size()};
  to.temperature = from.temperature();
  to.top_k = from.top_k();
  to.top_p = from.top_p();
  to.min_p = from.min_p();
  to.repetition_penalty = from.repetition_penalty();
  to.context = from.context();
  if (from.search() != nullptr) to.search = read_search(*from.search());
  return Status::ok();
}

// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv: the header holds the SHA-256 of the source
// weights and the whole graph, so that its hash tells models apart.
uint64_t hash_of(const std::byte* bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < size; ++i) {
    hash ^= static_cast<uint64_t>(bytes[i]);
    hash *= 0x100000001b3U;
  }
  return hash;
}

size_t header_bytes(const std::byte* file) {
  return sizeof(flatbuffers::uoffset_t) +
         flatbuffers::ReadScalar<flatbuffers::uoffset_t>(reinterpret_cast<const uint8_t*>(file));
}

}  // namespace

Status Model::open(platform::FileMapping mapping, std::unique_ptr<Model>* out) {
  std::unique_ptr<Model> model(new (std::nothrow) Model);
  if (model == nullptr) return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a model");
  model->mapping_ = std::move(mapping);
  model->bytes_ = model->mapping_.data();
  model->size_ = model->mapping_.size();
  const Status status = model->load();
  if (!status.failed()) *out = std::move(model);
  return status;
}

Status Model::borrow(const std::byte* bytes, size_t size, std::unique_ptr<Model>* out) {
  std::unique_ptr<Model> model(new (std::nothrow) Model);
  if (model == nullptr) return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a model");
  model->bytes_ = bytes;
  model->size_ = size;
  const Status status = model->load();
  if (!status.failed()) *out = std::move(model);
  return status;
}

Status Model::load() {
  const FileBytes file = {bytes_, size_};
  const schema::Model* header = nullptr;
  Status status = read_header(file, &header);
  if (status.failed()) return status;
  metadata_ = read_metadata(*header->metadata());
  if (header->generation() != nullptr)
    status = read_generation(*header->generation(), &generation_);
  if (status.failed()) return status;
  status = read_tensors(file, *header, &graph_);
  if (status.failed()) return status;
  status = read_entry_points(*header, &graph_);
  if (status.failed()) return status;
  if (header->classifier() != nullptr) {
    status = read_classifier(*header->classifier(), graph_, &classifier_);
    if (status.failed()) return status.within("classifier: ");
  }
  status = read_packed(file, *header, graph_, &stored_sections_);
  if (status.failed()) return status;
  if (has_text && header->tokenizer() != nullptr) {
    status = read_tokenizer(file, *header->tokenizer(), &tokenizer_);
    if (status.failed()) return status.within("tokenizer: ");
    has_tokenizer_ = true;
  }
  fingerprint_ = hash_of(bytes_, header_bytes(bytes_));
  return Status::ok();
}

Status Model::pack(const linnet_model_options& options) {
  const Status status = check_packing(graph_, stored_sections_.span(), size_);
  if (status.failed()) return status;
  const bool is_mapped = mapping_.data() != nullptr;
  return packed_weights_.pack(graph_, stored_sections_.span(), is_mapped ? &mapping_ : nullptr,
                              options);
}

}  // namespace linnet
