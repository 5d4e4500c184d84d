// Disks that are full, programs that are killed, and files that become shorter.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/faults/faults.h"
#include "tests/golden/program.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/convert/formats/input_file.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/pack_model.h"

namespace linnet::test {
namespace {

namespace fs = std::filesystem;

const std::string checkpoint = LINNET_TEST_DIR "/golden/hf/qwen3_5_text";

std::vector<std::string> names_in(const TempFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

/// While it lives no file may grow beyond so many bytes, as on a disk that is full by then.
class FullDisk {
 public:
  explicit FullDisk(uint64_t bytes) {
    earlier_action_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &earlier_);
    rlimit limit = earlier_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &earlier_);
    signal(SIGXFSZ, earlier_action_);
  }

 private:
  rlimit earlier_ = {};
  void (*earlier_action_)(int) = nullptr;
};

void convert_to(const std::string& output) {
  convert::convert({.checkpoint = checkpoint, .output = output, .vocabulary = {}});
}

template <typename Work>
std::string message_on_full_disk(uint64_t bytes, Work&& work) {
  const FullDisk disk(bytes);
  return message_of(work);
}

/// Runs `work` in a process of its own and gives how that ended.
template <typename Work>
int status_of_child(Work&& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("a conversion that finds the disk full names the file and leaves none") {
  const TempFolder folder;
  const std::string output = folder.file("model.linnet");
  convert_to(output);
  const uint64_t whole = fs::file_size(output);
  fs::remove(output);
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1000}, uint64_t{20000}, whole / 2, whole - 1}) {
    CAPTURE(bytes);
    const std::string why = message_on_full_disk(bytes, [&] { convert_to(output); });
    CHECK(why.find(output + ": cannot write: ") != std::string::npos);
    CHECK(names_in(folder).empty());
  }
}

TEST_CASE("a conversion that finds the disk full leaves an earlier model as it was") {
  const TempFolder folder;
  const std::string output = folder.write("model.linnet", "earlier");
  CHECK(!message_on_full_disk(1000, [&] { convert_to(output); }).empty());
  CHECK(read_file(output) == "earlier");
  CHECK(names_in(folder).size() == 1);
}

TEST_CASE("packing in place that finds the disk full leaves the model as it was") {
  const TempFolder folder;
  const std::string path = folder.file("model.linnet");
  convert_to(path);
  const std::string earlier = read_file(path);
  const cli::PackOptions options = {.input = path, .output = path};
  const auto pack = [&] { cli::pack_model(options); };
  CHECK(message_on_full_disk(earlier.size() / 2, pack).find(path) != std::string::npos);
  CHECK(read_file(path) == earlier);
  CHECK(names_in(folder).size() == 1);
}

TEST_CASE("a state that finds the disk full leaves the one that was there") {
  const TempFolder folder;
  const std::string model_path = folder.file("model.linnet");
  convert_to(model_path);
  Model model;
  cli::require(model.open(model_path.c_str()));
  Session session;
  cli::require(session.open(model));
  const std::string path = folder.write("chat.state", "earlier");
  Result result;
  {
    const FullDisk disk(1000);
    result = session.save_file(path.c_str());
  }
  CHECK(result.status == LINNET_IO_ERROR);
  CHECK(std::string(result.message()).find("chat.state") != std::string::npos);
  CHECK(read_file(path) == "earlier");
  CHECK(names_in(folder).size() == 2);
}

TEST_CASE("a command whose output finds no room fails") {
  const TempFolder folder;
  const std::string path = folder.file("model.linnet");
  convert_to(path);
  const std::string command = std::string(LINNET_BINARY) + " inspect '" + path +
                              "' >/dev/full 2>'" + folder.file("errors") + "'";
  const Finished finished = RunningProgram({"/bin/sh", "-c", command}, "").finish();
  CHECK(finished.exit_code == 1);
  CHECK(read_file(folder.file("errors")).find("cannot write") != std::string::npos);
}

TEST_CASE("a converter that is killed leaves no model, and what it leaves is in nobody's way") {
  for (const uint64_t share : {0, 80, 99}) {  // of the work, of which half is to read the source
    CAPTURE(share);
    const TempFolder folder;
    const std::string output = folder.file("model.linnet");
    const int status = status_of_child([&] {
      convert::ConvertOptions options = {
          .checkpoint = checkpoint, .output = output, .vocabulary = {}};
      options.progress = [&](uint64_t done, uint64_t total) {
        if (!names_in(folder).empty() && done * 100 > total * share) kill(getpid(), SIGKILL);
      };
      convert::convert(options);
    });
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    const std::vector<std::string> left = names_in(folder);
    REQUIRE(left.size() == 1);
    CHECK(left[0].starts_with("model.linnet.partial-"));
    convert_to(output);
    Model model;
    CHECK(model.open(output.c_str()).ok());
    CHECK(names_in(folder).size() == 2);
  }
}

TEST_CASE("a model that became shorter while it was being opened is refused") {
  const TempFolder folder;
  const std::string path = folder.file("model.linnet");
  convert_to(path);
  const uint64_t whole = fs::file_size(path);
  faults::before_next_file_mapping([&] { fs::resize_file(path, whole / 2); });
  Model model;
  const auto result = model.open(path.c_str());
  CHECK(result.status == LINNET_IO_ERROR);
  const std::string why = result.message();
  CHECK(why.find(path) != std::string::npos);
  CHECK(why.find("became shorter") != std::string::npos);
}

TEST_CASE("a checkpoint that becomes shorter while it is read is refused") {
  const TempFolder folder;
  const std::string path = folder.write("weights", std::string(5000, 'x'));
  const convert::InputFile file(path);
  fs::resize_file(path, 1000);
  CHECK_FAILS_WITH(file.read_text(0, 5000), "weights: became shorter");
}

}  // namespace linnet::test
