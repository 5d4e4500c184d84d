// linnet convert: a checkpoint to a .linnet file.
#include "tools/convert/convert.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tools/convert/models/family.h"
#include "tools/linnet/command.h"
#include "tools/linnet/pack_model.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

struct Options {
  convert::ConvertOptions conversion;
  std::string pack = "none";
  bool keep_plain = false;
  bool list = false;
  bool quiet = false;
};

int list_families() {
  for (const auto& family : convert::families()) {
    std::printf("%-16s %s\n", family.name, family.checkpoints);
    if (family.remembers[0] != 0) std::printf("%-16s   %s\n", "", family.remembers);
    if (family.proof[0] != 0) std::printf("%-16s   tested with %s\n", "", family.proof);
  }
  std::printf(
      "\nState per layer: H heads of K key and V value channels, M slots, m features, A channels "
      "without\nheads, N numbers per channel, and what short convolutions and softmax layers "
      "remember;\n`linnet inspect` counts the bytes of a model.\n");
  return 0;
}

/// A file on the way to another, gone when that is done.
class PlainFile {
 public:
  explicit PlainFile(std::string path) : path_(std::move(path)) {}
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;
  ~PlainFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Converts, and then packs what was converted; the report is of the packed file.
convert::ConvertReport convert_and_pack(convert::ConvertOptions options, bool keep_plain) {
  const PlainFile plain(options.output + ".plain");
  PackOptions packing = {.input = plain.path(),
                         .output = options.output,
                         .keep_plain = keep_plain,
                         .progress = options.progress};
  options.output = plain.path();
  convert::ConvertReport report = convert::convert(options);
  report.file_bytes = pack_model(packing).file_bytes;
  return report;
}

int convert_checkpoint(const Options& given) {
  using Clock = std::chrono::steady_clock;
  convert::ConvertOptions options = given.conversion;
  if (options.checkpoint.empty() || options.output.empty()) {
    throw std::runtime_error("wanted a checkpoint and where the model goes: " +
                             std::string("linnet convert CHECKPOINT -o MODEL.linnet"));
  }
  const Clock::time_point begin = Clock::now();
  ProgressLine line("Converting");
  options.progress = [&line](uint64_t done, uint64_t total) {
    line.update(total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total),
                format_bytes(done) + " of " + format_bytes(total));
  };
  const bool packs = given.pack == "native";
  const convert::ConvertReport report =
      packs ? convert_and_pack(options, given.keep_plain) : convert::convert(options);
  line.clear();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (given.quiet) return 0;
  std::printf("%s: %s, %s parameters, %s, %s weights%s, in %.1f s\n", options.output.c_str(),
              report.architecture.c_str(), format_count(report.parameters).c_str(),
              format_bytes(report.file_bytes).c_str(), options.weights.c_str(),
              packs ? " packed for this machine" : "", seconds);
  if (report.tokenizer.empty()) {
    std::fprintf(stderr,
                 "note: the checkpoint has no tokenizer, so the model takes ids but no text; "
                 "--tokenizer FILE adds one\n");
  }
  return 0;
}

}  // namespace

Command add_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("convert", "Turn a checkpoint into a .linnet file");
  auto& conversion = options->conversion;
  command->add_option("checkpoint", conversion.checkpoint,
                      "A Hugging Face folder, or a .safetensors or .pth file");
  command->add_option("-o,--output", conversion.output, "The .linnet file to write");
  command
      ->add_option("--weights", conversion.weights,
                   "f32, f16, int8 or int4: about 32, 16, 8 or 5 bits per weight")
      ->check(CLI::IsMember({"f32", "f16", "int8", "int4"}))
      ->capture_default_str();
  command
      ->add_option("--pack", options->pack,
                   "native: lay matrices out for this machine, as linnet pack does")
      ->check(CLI::IsMember({"none", "native"}))
      ->capture_default_str();
  command->add_flag("--keep-plain", options->keep_plain,
                    "With --pack: keep the plain matrices too, for other machines");
  command->add_option("--tokenizer", conversion.vocabulary,
                      "A tokenizer.json or rwkv_vocab_*.txt [the checkpoint's own]");
  command->add_flag("--list", options->list, "List the architectures that can be converted");
  command->add_flag("--quiet,-q", options->quiet, "Print nothing when all went well");
  command->footer(
      "Reads tensor by tensor, so that memory stays near the largest tensor. A model file is\n"
      "written whole or not at all.\n\n"
      "Example: linnet convert path/to/Qwen3.5-0.8B -o model.linnet --weights int8");
  return {command,
          [options] { return options->list ? list_families() : convert_checkpoint(*options); }};
}

}  // namespace linnet::cli
