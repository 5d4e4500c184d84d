#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace linnet::cli {

/// A subcommand: its options, declared on the application, and what it does once they are parsed.
/// `work` returns the exit code, or throws std::runtime_error with a message that says what to do.
struct Command {
  CLI::App* options = nullptr;
  std::function<int()> work;
};

Command add_convert(CLI::App& app);
Command add_run(CLI::App& app);
Command add_bench(CLI::App& app);
Command add_inspect(CLI::App& app);
Command add_diff(CLI::App& app);
Command add_tokenize(CLI::App& app);
Command add_perplexity(CLI::App& app);
Command add_pack(CLI::App& app);
Command add_translate(CLI::App& app);
Command add_classify(CLI::App& app);
Command add_embed(CLI::App& app);
Command add_chat(CLI::App& app);

}  // namespace linnet::cli
