// linnet classify and linnet embed from end to end, with a tokenizer of letters.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/golden/program.h"
#include "tests/unit/temp_folder.h"

namespace linnet::test {
namespace {

using nlohmann::json;

/// Byte-level BPE without merges: a token per letter, and special ones around a text.
std::string letters_tokenizer() {
  json vocabulary = {{"<pad>", 0}, {"<cls>", 1}, {"<sep>", 2}, {"<unk>", 3}, {"Ġ", 30}};
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    vocabulary[std::string(1, letter)] = 4 + letter - 'a';
  }
  json added = json::array();
  json special = json::object();
  for (const char* name : {"<cls>", "<sep>"}) {
    added.push_back({{"id", vocabulary[name]},
                     {"content", name},
                     {"special", true},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false}});
    special[name] = {
        {"id", name}, {"ids", json::array({vocabulary[name]})}, {"tokens", json::array({name})}};
  }
  const auto token = [](const char* name, int type) {
    return json{{"SpecialToken", {{"id", name}, {"type_id", type}}}};
  };
  const auto text = [](const char* name, int type) {
    return json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  const json tokenizer = {
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", json::array({token("<cls>", 0), text("A", 0), token("<sep>", 0)})},
        {"pair", json::array({token("<cls>", 0), text("A", 0), token("<sep>", 0), text("B", 1),
                              token("<sep>", 1)})},
        {"special_tokens", special}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}}};
  return tokenizer.dump();
}

/// A golden encoder with that tokenizer, converted.
struct Converted {
  explicit Converted(const std::string& name) {
    const std::string source = std::string(LINNET_TEST_DIR) + "/golden/encoders/" + name;
    std::filesystem::copy(source, folder.path(), std::filesystem::copy_options::recursive);
    folder.write("tokenizer.json", letters_tokenizer());
    path = folder.file("model.linnet");
    const Finished finished = run_linnet({"convert", folder.path(), "-o", path});
    INFO(finished.output << finished.errors);
    REQUIRE(finished.exit_code == 0);
  }

  TempFolder folder;
  std::string path;
};

std::vector<json> json_lines(const Finished& finished) {
  INFO(finished.output << finished.errors);
  REQUIRE(finished.exit_code == 0);
  std::vector<json> lines;
  std::istringstream output(finished.output);
  for (std::string line; std::getline(output, line);) lines.push_back(json::parse(line));
  return lines;
}

void check_failure(const std::vector<std::string>& arguments, const std::string& part) {
  const Finished finished = run_linnet(arguments);
  INFO(finished.output << "\n" << finished.errors);
  CHECK(finished.exit_code == 1);
  CHECK(finished.errors.find(part) != std::string::npos);
  CHECK(finished.output.empty());
}

}  // namespace

TEST_CASE("classify gives every label its probability, the likeliest first, text by text") {
  const Converted model("bert_labels_multi");
  const auto both =
      json_lines(run_linnet({"classify", model.path, "--text", "abc", "--text", "xyz", "--json"}));
  REQUIRE(both.size() == 2);
  for (const json& one : both) {
    REQUIRE(one["labels"].size() == 4);
    double before = 1;
    for (const json& label : one["labels"]) {
      const double probability = label["probability"];
      CHECK(probability >= 0);
      CHECK(probability <= before);
      before = probability;
    }
  }
  CHECK(both[0] != both[1]);
  const auto lines = json_lines(run_linnet({"classify", model.path, "--json"}, "abc\nxyz\n"));
  CHECK(lines == both);
  const Finished people = run_linnet({"classify", model.path, "--text", "abc"});
  CHECK(people.exit_code == 0);
  for (const char* label : {"calm", "glad", "sad", "tired"}) {
    CHECK(people.output.find(label) != std::string::npos);
  }
}

TEST_CASE("classify takes pairs, and token ids in place of text") {
  const Converted model("../hf/bert_seqcls");
  const auto classify = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"classify", model.path, "--json"});
    const auto lines = json_lines(run_linnet(more));
    REQUIRE(lines.size() == 1);
    return lines[0];
  };
  const json text = classify({"--text", "abc"});
  CHECK(classify({"--ids", "--text", "1 4 5 6 2"}) == text);
  const json pair = classify({"--text", "ab", "--pair", "c"});
  CHECK(pair != text);
  CHECK(pair != classify({"--text", "ab<sep>c"}));  // no token has the second type
  CHECK(classify({"--ids", "--text", "1 4 5 2", "--pair", "6 2"}) == pair);
  check_failure({"classify", model.path, "--ids", "--text", "1 999"}, "token 999");
}

TEST_CASE("classify prints the value of a regression as a score") {
  const Converted model("distilbert_regression");
  const auto lines = json_lines(run_linnet({"classify", model.path, "--text", "abc", "--json"}));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["labels"][0].contains("score"));
}

TEST_CASE(
    "embed gives a vector per text, the same in a batch as alone, and cuts what is too long") {
  const Converted model("bert_pooled");
  const auto vectors = json_lines(run_linnet({"embed", model.path, "--json"}, "abc\nhello you\n"));
  REQUIRE(vectors.size() == 2);
  double square = 0;
  for (const double value : vectors[0]["embedding"]) square += value * value;
  CHECK(vectors[0]["embedding"].size() == 6);
  CHECK(square == doctest::Approx(1).epsilon(1e-5));  // normalised
  const auto alone = json_lines(run_linnet({"embed", model.path, "--json", "--text", "hello you"}));
  REQUIRE(alone.size() == 1);
  for (size_t i = 0; i < 6; ++i) {
    CHECK(alone[0]["embedding"][i].get<double>() ==
          doctest::Approx(vectors[1]["embedding"][i].get<double>()).epsilon(1e-4));
  }
  // 24 tokens with the special ones: 22 letters count.
  const std::string most(22, 'q');
  const Finished longer = run_linnet({"embed", model.path, "--text", most + "abc"});
  const Finished exact = run_linnet({"embed", model.path, "--text", most});
  CHECK(longer.exit_code == 0);
  CHECK(longer.output == exact.output);
  CHECK(longer.errors.find("1 of the texts") != std::string::npos);
  CHECK(exact.errors.empty());
}

TEST_CASE("classify and embed say what a model is for that is not theirs") {
  const Converted classifier("bert_labels_multi");
  const Converted encoder("bert_pooled");
  check_failure({"embed", classifier.path, "--text", "abc"}, "not 'sentence_embedding'");
  check_failure({"classify", encoder.path, "--text", "abc"}, "has no labels");
  check_failure({"classify", classifier.path, "--file", "/nowhere/texts"}, "/nowhere/texts");
}

TEST_CASE("diff, bench and inspect take encoders of every output") {
  for (const char* name : {"bert_labels_multi", "bert_pooled"}) {
    CAPTURE(name);
    const Converted model(name);
    const std::string expected =
        std::string(LINNET_TEST_DIR) + "/golden/encoders/" + name + "/expected.safetensors";
    const Finished diff = run_linnet({"diff", model.path, expected, "--json"});
    INFO(diff.output << diff.errors);
    REQUIRE(diff.exit_code == 0);
    const json report = json::parse(diff.output);
    CHECK(report["passed"] == true);
    CHECK(report["max_abs_difference"].get<double>() < 1e-4);
    CHECK(report["not_compared"].empty());
    CHECK(report["greedy_agreement"].is_null());
    const Finished people = run_linnet({"diff", model.path, expected});
    CHECK(people.output.find("passed") != std::string::npos);
    const Finished bench =
        run_linnet({"bench", model.path, "-p", "8", "-r", "1", "--no-yardsticks", "--json"});
    INFO(bench.errors);
    REQUIRE(bench.exit_code == 0);
    CHECK(json::parse(bench.output)["prefill"][0]["tokens"] == 8);
    CHECK(run_linnet({"inspect", model.path}).exit_code == 0);
  }
}

}  // namespace linnet::test
