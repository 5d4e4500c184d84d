#include <linnet/linnet.h>

#include <array>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "tools/linnet/command.h"

namespace linnet::cli {
namespace {

constexpr int failure = 1;
constexpr int wrong_usage = 2;

constexpr const char* overview =
    "A checkpoint goes in, one file comes out, and a small runtime streams tokens through it in a\n"
    "fixed amount of memory:\n\n"
    "  linnet convert path/to/checkpoint -o model.linnet\n"
    "  linnet run model.linnet --prompt \"Call me\"\n\n"
    "'linnet SUBCOMMAND --help' shows options and an example.";

/// The exit code of a command, with its failure, if any, told on standard error.
int work(const Command& command) {
  const std::string name = "linnet " + command.options->get_name();
  try {
    const int code = command.work();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    std::fprintf(stderr, "%s: cannot write to standard output\n", name.c_str());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", name.c_str());
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
  }
  return failure;
}

int command_line(int argc, char** argv) {
  CLI::App app("Linnet runs language models in a fixed amount of memory.", "linnet");
  app.set_version_flag("--version", std::string("linnet ") + linnet_version());
  app.footer(overview);
  app.require_subcommand(0, 1);  // so that an unknown one is named
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return "linnet: " + std::string(error.what()) + "\n" +
           (failed->get_subcommands().empty()
                ? "'linnet --help' lists the subcommands.\n"
                : "'linnet " + failed->get_subcommands().front()->get_name() +
                      " --help' shows the options.\n");
  });
  const std::array commands = {add_convert(app),    add_run(app),       add_bench(app),
                               add_inspect(app),    add_diff(app),      add_tokenize(app),
                               add_perplexity(app), add_pack(app),      add_classify(app),
                               add_embed(app),      add_translate(app), add_chat(app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : wrong_usage;
  }
  for (const Command& command : commands) {
    if (command.options->parsed()) return work(command);
  }
  std::fprintf(stderr, "linnet: no subcommand given\n%s", app.help().c_str());
  return wrong_usage;
}

}  // namespace
}  // namespace linnet::cli

int main(int argc, char** argv) {
  try {
    return linnet::cli::command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "linnet: %s\n", error.what());
    return linnet::cli::failure;
  }
}
