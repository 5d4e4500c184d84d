#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"

namespace linnet::test {

/// What a program that ran to its end left behind.
struct Finished {
  int exit_code = -1;  ///< 128 + the signal, if one ended it
  std::string output;
  std::string errors;
};

/// A program that runs with its output and errors going to files of a temporary folder.
class RunningProgram {
 public:
  RunningProgram(std::vector<std::string> command, const std::string& input) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    redirect(&files, STDIN_FILENO, folder_.write("input", input), O_RDONLY);
    redirect(&files, STDOUT_FILENO, folder_.file("output"), O_CREAT | O_WRONLY);
    redirect(&files, STDERR_FILENO, folder_.file("errors"), O_CREAT | O_WRONLY);
    const int failed = posix_spawn(&id_, arguments[0], &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed != 0) throw std::runtime_error("cannot start " + command.front());
  }

  pid_t id() const { return id_; }

  /// What it has written so far.
  std::string output() const { return read_file(folder_.file("output")); }

  /// Waits for its end.
  Finished finish() {
    int status = 0;
    waitpid(id_, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, output(), read_file(folder_.file("errors"))};
  }

 private:
  static void redirect(posix_spawn_file_actions_t* files, int descriptor, const std::string& path,
                       int flags) {
    posix_spawn_file_actions_addopen(files, descriptor, path.c_str(), flags, 0600);
  }

  TempFolder folder_;
  pid_t id_ = -1;
};

/// Runs linnet with these arguments and this standard input.
inline Finished run_linnet(std::vector<std::string> arguments, const std::string& input = "") {
  arguments.insert(arguments.begin(), LINNET_BINARY);
  return RunningProgram(std::move(arguments), input).finish();
}

}  // namespace linnet::test
