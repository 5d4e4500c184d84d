#include "tools/linnet/open_model.h"

#include <filesystem>
#include <stdexcept>

#include "tools/linnet/progress_line.h"

namespace linnet::cli {
namespace {

/// Whether someone named a checkpoint where a converted model is wanted.
bool looks_like_checkpoint(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return true;
  const std::string extension = std::filesystem::path(path).extension().string();
  return extension == ".safetensors" || extension == ".pth" || extension == ".pt" ||
         extension == ".bin" || extension == ".gguf";
}

}  // namespace

void require(const Result& result) {
  if (result.ok()) return;
  const char* message = result.message();
  throw std::runtime_error(message[0] != '\0' ? message : linnet_status_name(result.status));
}

Model open_model(const std::string& path) {
  ProgressLine line("Loading");
  linnet_model_options options = linnet_model_options_defaults();
  options.progress_context = &line;
  options.progress = [](float done, void* context) {
    static_cast<ProgressLine*>(context)->update(static_cast<double>(done));
    return true;
  };
  Model model;
  const Result opened = model.open(path.c_str(), &options);
  line.clear();
  if (!opened.ok() && looks_like_checkpoint(path)) {
    throw std::runtime_error(path + " is a checkpoint, not a .linnet file. Convert it first: " +
                             "linnet convert " + path + " -o model.linnet");
  }
  require(opened);
  return model;
}

linnet_session_options with_defaults(linnet_session_options options) {
  if (options.chunk == 0) options.chunk = 256;
  if (options.context == 0) options.context = 2048;
  return options;
}

Session open_session(const Model& model, const linnet_session_options& options, void* memory) {
  Session session;
  require(session.open(model, options, memory));
  return session;
}

}  // namespace linnet::cli
