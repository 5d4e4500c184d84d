#include <linnet/linnet.h>

#include <new>
#include <utility>

#include "runtime/api/arguments.h"
#include "runtime/api/handles.h"
#include "runtime/exec/entry_limits.h"
#include "runtime/exec/session_plan.h"
#include "runtime/exec/verify.h"
#include "runtime/text/text_selection.h"

namespace linnet {
namespace {

constexpr size_t borrowed_alignment = 64;

/// What all ways to open have in common, once the file's bytes are at hand.
Status finish_opening(std::unique_ptr<Model> model, const linnet_model_options& options,
                      linnet_model** out) {
  Status status = verify_graph(model->graph());
  if (status.failed()) return status;
  status = model->pack(options);
  if (status.failed()) return status;
  std::unique_ptr<linnet_model> handle(new (std::nothrow) linnet_model);
  if (handle == nullptr) return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a model");
  handle->allocator = options.allocator;
  handle->log = Log(options);
  if (has_text && model->tokenizer() != nullptr) {
    status = handle->tokenizer.open(*model->tokenizer());
    if (status.failed()) return status.within("tokenizer: ");
  }
  handle->model = std::move(model);
  *out = handle.release();
  return Status::ok();
}

Status open_mapping(platform::FileMapping mapping, const linnet_model_options& options,
                    linnet_model** out) {
  std::unique_ptr<Model> model;
  const Status status = Model::open(std::move(mapping), &model);
  return status.failed() ? status : finish_opening(std::move(model), options, out);
}

Status open_path(const char* path, const linnet_model_options& options, linnet_model** out) {
  platform::FileMapping mapping;
  Status status = platform::FileMapping::open(path, &mapping);
  if (status.failed()) return status;
  status = open_mapping(std::move(mapping), options, out);
  return status.failed() ? status.within("%s: ", path) : status;
}

Status open_descriptor(int fd, uint64_t offset, uint64_t size, const linnet_model_options& options,
                       linnet_model** out) {
  platform::FileMapping mapping;
  const Status status = platform::FileMapping::open(fd, offset, size, &mapping);
  return status.failed() ? status.within("file descriptor %d: ", fd)
                         : open_mapping(std::move(mapping), options, out);
}

Status borrow(const void* bytes, size_t size, const linnet_model_options& options,
              linnet_model** out) {
  if (reinterpret_cast<uintptr_t>(bytes) % borrowed_alignment != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "the model's bytes are not %zu-byte aligned",
                         borrowed_alignment);
  }
  std::unique_ptr<Model> model;
  const Status status = Model::borrow(static_cast<const std::byte*>(bytes), size, &model);
  return status.failed() ? status : finish_opening(std::move(model), options, out);
}

/// Runs `open(options)` with the memory that the options name.
template <typename Open>
linnet_status open_with(const linnet_model_options* options, linnet_message* why, Open open) {
  const linnet_model_options chosen =
      options != nullptr ? *options : linnet_model_options_defaults();
  if ((chosen.allocator.allocate == nullptr) != (chosen.allocator.release == nullptr)) {
    return report(Status::error(LINNET_INVALID_ARGUMENT,
                                "an allocator needs both functions, allocate and release"),
                  why);
  }
  const AllocatorScope scope(&chosen.allocator);
  return report(open(chosen), why);
}

}  // namespace
}  // namespace linnet

extern "C" {

linnet_model_options linnet_model_options_defaults(void) { return linnet_model_options{}; }

linnet_status linnet_model_open(const char* path, const linnet_model_options* options,
                                linnet_model** out, linnet_message* why) {
  if (path == nullptr || out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::open_with(options, why, [&](const linnet_model_options& chosen) {
    return linnet::open_path(path, chosen, out);
  });
}

linnet_status linnet_model_open_fd(int fd, uint64_t offset, uint64_t size,
                                   const linnet_model_options* options, linnet_model** out,
                                   linnet_message* why) {
  if (out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::open_with(options, why, [&](const linnet_model_options& chosen) {
    return linnet::open_descriptor(fd, offset, size, chosen, out);
  });
}

linnet_status linnet_model_borrow(const void* bytes, size_t size,
                                  const linnet_model_options* options, linnet_model** out,
                                  linnet_message* why) {
  if (bytes == nullptr || out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::open_with(options, why, [&](const linnet_model_options& chosen) {
    return linnet::borrow(bytes, size, chosen, out);
  });
}

void linnet_model_close(linnet_model* model) { delete model; }

void linnet_model_describe(const linnet_model* model, linnet_model_info* out) {
  const linnet::Model& from = *model->model;
  const linnet::Graph& graph = from.graph();
  *out = {.name = from.metadata().name,
          .architecture = from.metadata().architecture,
          .source = from.metadata().source,
          .license = from.metadata().license,
          .weights = from.metadata().weights,
          .vocabulary = static_cast<uint32_t>(graph.vocabulary),
          .context = from.generation().context,
          .has_tokenizer = from.tokenizer() != nullptr,
          .has_context_limit = linnet::has_context_ring(graph),
          .has_decoder = graph.decode.exists(),
          .has_encoder = graph.encode.exists(),
          .positions = static_cast<uint32_t>(linnet::position_limit(graph, graph.main_entry())),
          .source_positions = static_cast<uint32_t>(linnet::position_limit(graph, graph.encode)),
          .encoder_outputs = static_cast<uint32_t>(graph.encode.outputs.size()),
          .file_bytes = from.file_bytes(),
          .packed_bytes = from.packed_weights().bytes(),
          .suppressed_ids = from.generation().search.suppressed_ids.data(),
          .suppressed_count = from.generation().search.suppressed_ids.size(),
          .labels = static_cast<uint32_t>(from.classifier().labels.size()),
          .label_function = static_cast<linnet_label_function>(from.classifier().function)};
}

}  // extern "C"
