#include "tools/convert/convert.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include "tools/convert/find_tokenizer.h"
#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/input_file.h"
#include "tools/convert/formats/json_file.h"
#include "tools/convert/formats/sha256.h"
#include "tools/convert/models/family.h"
#include "tools/convert/passes/fuse.h"
#include "tools/convert/passes/gather_products.h"
#include "tools/convert/passes/quantize.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxConfigBytes = 16 << 20;

/// The folder that config.json and the tokenizer lie in.
fs::path folder_of(const std::string& checkpoint) {
  if (fs::is_directory(checkpoint)) return checkpoint;
  return fs::path(checkpoint).parent_path();
}

std::optional<Config> read_config(const fs::path& folder) {
  const std::string path = (folder / "config.json").string();
  if (!fs::exists(path)) return {};
  return Config(read_json(path, kMaxConfigBytes), path);
}

/// The file's stem, or the folder's own name.
std::string name_of(const Source& source) {
  if (source.config && source.config->has("_name_or_path")) {
    const fs::path named = source.config->text("_name_or_path", "");
    if (named.has_filename()) return named.filename().string();
  }
  const fs::path path = fs::weakly_canonical(source.path);
  return fs::is_directory(path) ? path.filename().string() : path.stem().string();
}

std::string license_of(const Source& source) {
  return source.config ? source.config->text("license", "") : "";
}

/// RWKV's vocabularies leave id 0 to the end of text, which no config says.
GenerationDefaults generation_defaults(const fs::path& folder,
                                       const std::optional<TokenizerTables>& tokenizer) {
  GenerationDefaults defaults = read_generation_defaults(folder.string());
  if (defaults.end_ids.empty() && tokenizer && tokenizer->kind == TokenizerKind::longest_match) {
    defaults.end_ids = {0};
  }
  return defaults;
}

uint64_t count_parameters(const Graph& graph) {
  uint64_t count = 0;
  for (const Tensor& tensor : graph.tensors) {
    const bool counts =
        tensor.storage == schema::Storage::weight && tensor.role != WeightRole::scales;
    if (counts) count += element_count(tensor.shape);
  }
  return count;
}

uint64_t total_bytes(const std::vector<std::string>& files) {
  uint64_t bytes = 0;
  for (const std::string& file : files) bytes += fs::file_size(file);
  return bytes;
}

/// SHA-256 over the source files, one after another.
std::string digest_of(const std::vector<std::string>& files, const Progress& progress,
                      uint64_t total) {
  Sha256 digest;
  uint64_t done = 0;
  std::vector<std::byte> piece(kReadPiece);
  for (const std::string& path : files) {
    const InputFile file(path);
    for (uint64_t at = 0; at < file.size();) {
      const auto bytes = std::span(piece).first(std::min<uint64_t>(piece.size(), file.size() - at));
      file.read_at(at, bytes);
      digest.update(bytes);
      at += bytes.size();
      done += bytes.size();
      if (progress) progress(done, total);
    }
  }
  return hex(digest.finish());
}

/// A model is put in place when all is written, whatever stood there; not so over its own source.
void require_not_a_source(const std::string& output, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::error_code missing;
    if (fs::equivalent(output, file, missing)) {
      throw std::runtime_error(output + ": is a file of the checkpoint; name another output");
    }
  }
}

}  // namespace

ConvertReport convert(const ConvertOptions& options) {
  const WeightFormat format = weight_format(options.weights);
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(options.checkpoint);
  require_not_a_source(options.output, checkpoint->files());
  const fs::path folder = folder_of(options.checkpoint);
  const Source source{options.checkpoint, *checkpoint, read_config(folder)};
  const Family& family = find_family(source);

  Model model;
  model.graph = family.build(source);
  fuse_projections(model.graph);
  quantize_weights(model.graph, format);
  gather_products(model.graph);
  order_tensors(model.graph);
  FoundTokenizer tokenizer = find_tokenizer({.folder = folder.string(),
                                             .given = options.vocabulary,
                                             .model_vocabulary = model.graph.vocabulary,
                                             .bytes_if_256 = family.bytes_without_tokenizer});
  model.tokenizer = std::move(tokenizer.tables);
  model.generation = generation_defaults(folder, model.tokenizer);
  const uint64_t source_bytes = total_bytes(checkpoint->files());
  const uint64_t work = source_bytes + lay_out(model, 0).file_bytes;  // the header aside
  model.metadata = {.name = name_of(source),
                    .architecture = family.name,
                    .source = options.checkpoint,
                    .license = license_of(source),
                    .source_sha256 = digest_of(checkpoint->files(), options.progress, work),
                    .converter = kConverterVersion,
                    .weights = weight_format_name(format)};
  const auto writing = [&](uint64_t done, uint64_t) {
    if (options.progress) options.progress(std::min(source_bytes + done, work), work);
  };
  const uint64_t file_bytes = write_model(model, options.output, writing);

  return {.name = model.metadata.name,
          .architecture = family.name,
          .tokenizer = tokenizer.origin,
          .parameters = count_parameters(model.graph),
          .source_bytes = source_bytes,
          .file_bytes = file_bytes};
}

}  // namespace linnet::convert
