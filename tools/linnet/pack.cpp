// linnet pack: a model's matrices in the layouts of this machine or others.
#include <cstdio>
#include <memory>
#include <string>

#include "tools/linnet/command.h"
#include "tools/linnet/pack_model.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

int pack(PackOptions options) {
  if (options.output.empty()) options.output = options.input;
  ProgressLine line("Packing");
  options.progress = [&line](uint64_t done, uint64_t total) {
    line.update(total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total),
                format_bytes(done) + " of " + format_bytes(total));
  };
  const PackReport report = pack_model(options);
  line.clear();
  std::printf("%s: %llu matrices packed for %s, %s; the file has %s\n", options.output.c_str(),
              static_cast<unsigned long long>(report.matrices), report.processors.c_str(),
              format_bytes(report.packed_bytes).c_str(), format_bytes(report.file_bytes).c_str());
  return 0;
}

}  // namespace

Command add_pack(CLI::App& app) {
  auto options = std::make_shared<PackOptions>();
  CLI::App* command = app.add_subcommand(
      "pack", "Lay a model's matrices out for this machine or others, in its file");
  command->add_option("model", options->input, "A .linnet file")->required();
  command->add_option("-o,--output", options->output, "The .linnet file to write [the model's]");
  std::vector<std::string> targets = pack_targets();
  targets.insert(targets.begin(), "native");
  command
      ->add_option("--for", options->targets,
                   "What to lay them out for, several with commas between: native is this machine, "
                   "the others are made on any")
      ->delimiter(',')
      ->check(CLI::IsMember(targets))
      ->default_str("native");
  command->add_flag("--keep-plain", options->keep_plain,
                    "Keep the plain matrices too, for machines of another layout");
  command->footer(
      "A packed file opens in milliseconds and is held in memory once, shared by all processes\n"
      "that map it. Without --keep-plain it opens only where a layout is that of the machine: f16 "
      "and\n"
      "int8 have one for all, f32 one per width of vectors, int4 one per kind of products of "
      "bytes.\n"
      "Layouts that targets share are in the file once.\n\n"
      "Example: linnet pack model.linnet -o model-packed.linnet\n"
      "         linnet pack model.linnet -o phones.linnet --for arm64,arm64-dotprod,arm64-i8mm");
  return {command, [options] { return pack(*options); }};
}

}  // namespace linnet::cli
