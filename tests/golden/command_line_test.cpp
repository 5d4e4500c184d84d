// The command line from end to end: the program itself, on real checkpoints.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/golden/program.h"
#include "tests/unit/sanitizer.h"
#include "tests/unit/temp_folder.h"

namespace linnet::test {
namespace {

using nlohmann::json;

const std::string golden = LINNET_TEST_DIR "/golden/";
const std::string bundled = LINNET_TEST_DIR "/models/linnet-4m";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Fails, shows what the program said, unless it succeeded.
#define REQUIRE_SUCCESS(finished)                         \
  do {                                                    \
    INFO((finished).output << "\n" << (finished).errors); \
    REQUIRE((finished).exit_code == 0);                   \
  } while (false)

/// A failure has exit code 1, says `part` on standard error and nothing on standard output.
void check_failure(const std::vector<std::string>& arguments, const std::string& part) {
  const Finished finished = run_linnet(arguments);
  INFO(finished.output << "\n" << finished.errors);
  CHECK(finished.exit_code == 1);
  CHECK(contains(finished.errors, part));
  CHECK(finished.output.empty());
}

/// The numbers on the line that begins with `label`, spaces aside.
std::vector<long> figures_after(const std::string& text, const std::string& label) {
  std::vector<long> figures;
  const size_t at = text.find(label);
  if (at == std::string::npos) return figures;
  std::istringstream line(text.substr(at + label.size(), text.find('\n', at) - at - label.size()));
  for (long figure = 0; line >> figure;) figures.push_back(figure);
  return figures;
}

/// Models that several tests use, converted once.
class Converted {
 public:
  static std::string of(const std::string& checkpoint, const std::string& weights = "f32") {
    static const TempFolder folder;
    std::string name = checkpoint + "-" + weights + ".linnet";
    for (char& c : name) c = c == '/' ? '_' : c;
    if (std::filesystem::exists(folder.file(name))) return folder.file(name);
    const Finished finished =
        run_linnet({"convert", checkpoint, "-o", folder.file(name), "--weights", weights});
    REQUIRE_SUCCESS(finished);
    return folder.file(name);
  }
};

std::string small_model() { return Converted::of(golden + "hf/qwen3_5_text"); }
std::string text_model() { return Converted::of(bundled); }

std::string read_golden(const std::string& name) { return read_file(golden + name); }

}  // namespace

TEST_CASE("the program explains itself") {
  const Finished version = run_linnet({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.output.starts_with("linnet "));
  const Finished help = run_linnet({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* command : {"convert", "run", "bench", "inspect", "diff", "tokenize"}) {
    CAPTURE(command);
    CHECK(contains(help.output, command));
    const Finished details = run_linnet({command, "--help"});
    CHECK(details.exit_code == 0);
    CHECK(contains(details.output, std::string("linnet ") + command));
    CHECK(contains(details.output, "Example"));
  }
}

TEST_CASE("wrong usage fails and says what is wrong") {
  const auto check = [](const std::vector<std::string>& arguments, const std::string& part) {
    const Finished finished = run_linnet(arguments);
    INFO(finished.errors);
    CHECK(finished.exit_code != 0);
    CHECK(contains(finished.errors, part));
    CHECK(contains(finished.errors, "--help"));
    CHECK(finished.output.empty());
  };
  check({}, "subcommand");
  check({"fly"}, "fly");
  check({"run"}, "model");
  check({"run", "model.linnet", "--altitude", "3"}, "--altitude");
  check({"run", "model.linnet", "-n", "many"}, "many");
  check({"bench", "model.linnet", "-p", "0"}, "0");
  check({"convert", "checkpoint", "-o", "model.linnet", "--weights", "int3"}, "int3");
}

TEST_CASE("converted models agree with their references") {
  for (const char* name :
       {"hf/qwen3_5_text", "hf/qwen3_5_nested", "ref/rwkv7_pth", "ref/fla_rwkv7"}) {
    CAPTURE(name);
    const std::string model = Converted::of(golden + name);
    const Finished finished = run_linnet(
        {"diff", model, golden + name + "/expected.safetensors", "--json", "--threads", "1"});
    REQUIRE_SUCCESS(finished);
    const json report = json::parse(finished.output);
    CHECK(report.at("passed") == true);
    CHECK(report.at("max_abs_difference").get<double>() <
          1e-3 * report.at("logit_scale").get<double>());
    CHECK(report.at("greedy_agreement") == 1.0);
    CHECK(report.at("argmax_agreement").get<double>() > 0.95);
    CHECK(report.at("between_ways_relative_difference").get<double>() <= 1e-4);
  }
}

TEST_CASE("diff fails beyond the tolerance") {
  const std::string expected = golden + "hf/qwen3_5_text/expected.safetensors";
  const Finished strict =
      run_linnet({"diff", small_model(), expected, "--tolerance", "1e-12", "--threads", "1"});
  CHECK(strict.exit_code == 1);
  CHECK(contains(strict.output, "FAILED"));
  const Finished good = run_linnet({"diff", small_model(), expected, "--threads", "2"});
  CHECK(good.exit_code == 0);
  CHECK(contains(good.output, "passed"));
  CHECK(contains(good.output, "one by one"));
}

TEST_CASE("diff says when a reference does not belong to the model") {
  check_failure({"diff", small_model(), golden + "ref/rwkv7_pth/expected.safetensors"},
                "another model");
  check_failure({"diff", small_model(), golden + "hf/qwen3_5_text/model.safetensors"},
                "nothing to compare");
  check_failure({"diff", small_model(), "missing.safetensors"}, "missing.safetensors");
}

TEST_CASE("int8 weights keep the argmax of a trained model") {
  const std::string model = Converted::of(bundled, "int8");
  const Finished finished =
      run_linnet({"diff", model, bundled + "/expected.safetensors", "--json"});
  REQUIRE_SUCCESS(finished);
  CHECK(json::parse(finished.output).at("argmax_agreement").get<double>() >= 0.95);
}

TEST_CASE("a model file is made whole or not at all") {
  const TempFolder folder;
  const std::string output = folder.file("model.linnet");
  const auto check = [&](const std::string& checkpoint, const std::string& part) {
    CAPTURE(checkpoint);
    check_failure({"convert", checkpoint, "-o", output}, part);
    CHECK_FALSE(std::filesystem::exists(output));
  };
  check(folder.file("missing"), "missing");

  const std::string weights = read_golden("hf/qwen3_5_text/model.safetensors");
  const std::string config = read_golden("hf/qwen3_5_text/config.json");
  std::filesystem::create_directory(folder.file("cut"));
  folder.write("cut/config.json", config);
  folder.write("cut/model.safetensors", weights.substr(0, weights.size() / 2));
  check(folder.file("cut"), "model.safetensors");

  json other = json::parse(config);
  other["model_type"] = "albatross";
  other["architectures"] = {"AlbatrossForCausalLM"};
  std::filesystem::create_directory(folder.file("unknown"));
  folder.write("unknown/config.json", other.dump());
  folder.write("unknown/model.safetensors", weights);
  check(folder.file("unknown"), "lbatross");

  json smaller = json::parse(config);
  smaller["hidden_size"] = smaller["hidden_size"].get<int>() * 2;
  std::filesystem::create_directory(folder.file("misshapen"));
  folder.write("misshapen/config.json", smaller.dump());
  folder.write("misshapen/model.safetensors", weights);
  check(folder.file("misshapen"), "embed");
}

TEST_CASE("an output that cannot be written is named") {
  check_failure({"convert", golden + "hf/qwen3_5_text", "-o", "/missing/folder/model.linnet"},
                "/missing/folder");
}

TEST_CASE("wrong model files are named") {
  const TempFolder folder;
  const std::string good = read_file(small_model());
  const std::string text = folder.write("text.linnet", "this is a text and not a model at all");
  const std::string cut = folder.write("cut.linnet", good.substr(0, good.size() - 1000));
  const std::string empty = folder.write("empty.linnet", "");
  for (const std::string& path : {folder.file("missing.linnet"), text, cut, empty}) {
    CAPTURE(path);
    const std::string name = std::filesystem::path(path).filename();
    check_failure({"run", path, "--prompt", "x"}, name);
    check_failure({"bench", path}, name);
    check_failure({"inspect", path}, name);
    check_failure({"tokenize", path}, name);
    check_failure({"diff", path, golden + "hf/qwen3_5_text/expected.safetensors"}, name);
  }
  check_failure({"run", golden + "hf/qwen3_5_text", "--prompt", "x"}, "linnet convert");
  check_failure({"run", small_model(), "--prompt", "x"}, "tokenizer");
}

TEST_CASE("bench measures what it promises") {
  const Finished finished = run_linnet({"bench", small_model(), "-p", "3,8", "-n", "4", "-t", "1",
                                        "-r", "2", "--batch", "3", "--json"});
  REQUIRE_SUCCESS(finished);
  const json report = json::parse(finished.output);
  REQUIRE(report.at("prefill").size() == 2);
  CHECK(report["prefill"][1].at("tokens") == 8);
  REQUIRE(report.at("decode").size() == 1);
  CHECK(report["decode"][0].at("tokens") == 4);
  CHECK(report.at("batch").at("sessions") == 3);
  CHECK(report["batch"].at("tokens") == 12);
  for (const json& speed : {report["prefill"][0], report["decode"][0]}) {
    const json& figures = speed.at("tokens_per_second");
    CHECK(figures.at("min").get<double>() > 0);
    CHECK(figures.at("median").get<double>() >= figures.at("min").get<double>());
    CHECK(figures.at("max").get<double>() >= figures.at("median").get<double>());
  }
  CHECK(report.at("load_seconds").get<double>() > 0);
  CHECK(report.at("first_token_seconds").get<double>() > 0);
  const json& memory = report.at("memory");
  CHECK(memory.at("weights_bytes") == std::filesystem::file_size(small_model()));
  CHECK(memory.at("state_bytes").get<uint64_t>() > 0);
  CHECK(memory.at("arena_bytes").get<uint64_t>() > 0);
  CHECK(memory.contains("private_bytes"));
  CHECK(run_linnet({"bench", small_model(), "-p", "3", "-n", "4", "-r", "1"}).exit_code == 0);
}

TEST_CASE("inspect lists the operators and types of weights that models need") {
  const Finished finished = run_linnet({"inspect", "--operators", small_model(), small_model()});
  REQUIRE_SUCCESS(finished);
  CHECK(finished.output.find("\noperator FastWeight\n") != std::string::npos);
  CHECK(finished.output.find("\noperator SoftmaxAttention\n") != std::string::npos);
  CHECK(finished.output.find("\nweights f32\n") != std::string::npos);
  CHECK(finished.output.find("operator Lstm") == std::string::npos);
  CHECK(finished.output.find("weights int8") == std::string::npos);
  CHECK(run_linnet({"inspect", small_model(), small_model()}).exit_code != 0);
}

TEST_CASE("inspect shows the graph and the memory that is really held") {
  const Finished finished = run_linnet({"inspect", small_model(), "--json", "--unfolded"});
  REQUIRE_SUCCESS(finished);
  const json report = json::parse(finished.output);
  CHECK(report.at("architecture").is_string());
  CHECK(report.at("weights") == "f32");
  CHECK(report.at("parameters").get<uint64_t>() > 100'000);
  CHECK(report.at("entry_points")[0].at("name") == "decode");
  CHECK(report["entry_points"][0].at("operators").size() > 10);
  const json& memory = report.at("memory");
  REQUIRE(memory.at("sessions").size() == 4);
  CHECK(memory["sessions"][0].at("chunk") == 1);
  CHECK(memory["sessions"][0].at("state_bytes") == memory["sessions"][3].at("state_bytes"));
  CHECK(memory["sessions"][0].at("arena_bytes").get<uint64_t>() <
        memory["sessions"][3].at("arena_bytes").get<uint64_t>());
#if defined(__linux__) && defined(__x86_64__) && !defined(LINNET_SANITIZED)
  // Pages are counted, so what is in use may be up to a page more, and two for what lies apart.
  const double planned = memory["sessions"][3].at("total_bytes");
  const double measured = memory.at("measured").at("session_bytes");
  CHECK(measured >= planned * 0.98);
  CHECK(measured <= planned + 4096);
  CHECK(memory["measured"].at("mapped_bytes").get<double>() >=
        memory.at("weights_bytes").get<double>());
  const double packed = memory.at("packed_bytes");
  CHECK(memory["measured"].at("packed_bytes").get<double>() >= packed * 0.98);
  CHECK(memory["measured"].at("packed_bytes").get<double>() <= packed * 1.02 + 8 * 4096);
#endif
  const Finished folded = run_linnet({"inspect", small_model()});
  REQUIRE_SUCCESS(folded);
  CHECK(contains(folded.output, "FastWeight"));
  CHECK(contains(folded.output, "layers 0"));
}

TEST_CASE("run gives the same text for the same seed") {
  const auto text_of = [](const std::string& seed) {
    const Finished finished = run_linnet({"run", text_model(), "--prompt", "The sea", "-n", "24",
                                          "--temperature", "0.9", "--seed", seed});
    REQUIRE_SUCCESS(finished);
    CHECK(contains(finished.errors, "tokens/s"));
    CHECK(finished.output.ends_with("\n"));
    return finished.output;
  };
  const std::string text = text_of("1");
  CHECK(text.size() > 24);
  CHECK(text == text_of("1"));
  CHECK(text != text_of("2"));
}

TEST_CASE("a prompt comes from a file or standard input, too") {
  const TempFolder folder;
  const std::vector<std::string> rest = {"-n", "12", "--temperature", "0", "--quiet"};
  const auto text_of = [&](std::vector<std::string> prompt, const std::string& input) {
    std::vector<std::string> arguments = {"run", text_model()};
    arguments.insert(arguments.end(), prompt.begin(), prompt.end());
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    const Finished finished = run_linnet(arguments, input);
    REQUIRE_SUCCESS(finished);
    CHECK(finished.errors.empty());
    return finished.output;
  };
  const std::string text = text_of({"--prompt", "The sea"}, "");
  CHECK(text == text_of({"--prompt", "-"}, "The sea"));
  CHECK(text == text_of({"--prompt-file", folder.write("prompt", "The sea")}, ""));
  check_failure({"run", text_model()}, "--prompt");
}

TEST_CASE("run --stats shows constant memory") {
  const Finished finished = run_linnet({"run", text_model(), "--prompt", "The", "-n", "200",
                                        "--ignore-end", "--seed", "1", "--stats"});
  REQUIRE_SUCCESS(finished);
  for (const char* part : {"first tenth", "last tenth", "resident"}) {
    CHECK(contains(finished.errors, part));
  }
  for (const char* region : {"state, planned", "arena, planned", "state and arena, pages in use"}) {
    CAPTURE(region);
    const std::vector<long> bytes = figures_after(finished.errors, region);
    REQUIRE(bytes.size() == 3);  // at the first token, at most, at the end
    CHECK(bytes[0] > 0);
    CHECK(bytes[1] == bytes[0]);
    CHECK(bytes[2] == bytes[0]);
  }
}

TEST_CASE("an interrupt ends a text cleanly") {
  RunningProgram program({LINNET_BINARY, "run", text_model(), "--prompt", "The sea", "-n",
                          "100000000", "--ignore-end"},
                         "");
  for (int i = 0; i < 600 && program.output().size() < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  kill(program.id(), SIGINT);
  const Finished finished = program.finish();
  CHECK(finished.exit_code == 130);
  CHECK(finished.output.ends_with("\n"));
  CHECK(contains(finished.errors, "interrupted"));
}

TEST_CASE("text becomes ids and text again") {
  const std::string text =
      "Call me Ishmael.\n  Some years ago\xe2\x80\x94never mind: \xf0\x9f\x90\xb3\n";
  for (const std::string& tokenizer : {text_model(), bundled + "/tokenizer.json"}) {
    CAPTURE(tokenizer);
    const Finished ids = run_linnet({"tokenize", tokenizer, "--json"}, text);
    REQUIRE_SUCCESS(ids);
    CHECK(json::parse(ids.output).at("ids").size() > 5);
    const Finished back = run_linnet({"tokenize", tokenizer, "--decode"}, ids.output);
    REQUIRE_SUCCESS(back);
    CHECK(back.output == text);
    const Finished plain = run_linnet({"tokenize", tokenizer}, text);
    const Finished again = run_linnet({"tokenize", tokenizer, "--decode"}, plain.output);
    CHECK(again.output == text);
  }
  const Finished wrong = run_linnet({"tokenize", text_model(), "--decode"}, "1 two");
  CHECK(wrong.exit_code == 1);
  CHECK(contains(wrong.errors, "two"));
}

TEST_CASE("the architectures that can be converted are listed") {
  const Finished finished = run_linnet({"convert", "--list"});
  REQUIRE_SUCCESS(finished);
  CHECK(contains(finished.output, "qwen3_5"));
  CHECK(contains(finished.output, "rwkv7"));
  CHECK(contains(finished.output, "decay per key channel"));
  CHECK(contains(finished.output, "tested with ref/fla_gla"));
}

}  // namespace linnet::test
