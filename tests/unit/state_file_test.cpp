#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tests/golden/seq2seq_model.h"
#include "tests/unit/temp_folder.h"

namespace {

using linnet::Session;
using linnet::test::GoldenModel;
using linnet::test::read_file;
using linnet::test::TempFolder;

// Where the fields of a saved state's header lie; see runtime/exec/state.cpp.
constexpr size_t version_offset = 8;
constexpr size_t model_offset = 16;

const GoldenModel& golden() {
  static const GoldenModel model("golden/hf/qwen3_5_text", "f32");
  return model;
}

Session open(const GoldenModel& model, uint32_t context = 64) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 8;
  options.context = context;
  Session session;
  REQUIRE(session.open(model.model(), options).ok());
  return session;
}

std::vector<float> run(Session& session, std::span<const int32_t> tokens) {
  std::vector<float> logits(golden().vocabulary());
  REQUIRE(session.run(tokens, logits.data()).ok());
  return logits;
}

/// A file with the state of the first 20 tokens, changed at `offset`.
std::string changed(const TempFolder& folder, size_t offset, uint32_t value) {
  Session session = open(golden());
  (void)run(session, std::span(golden().tokens()).first(20));
  const std::string path = folder.file("changed.state");
  REQUIRE(session.save_file(path.c_str()).ok());
  std::string bytes = read_file(path);
  std::memcpy(&bytes[offset], &value, sizeof value);
  return folder.write("changed.state", bytes);
}

/// Refuses the file, says why, and is where it was.
void check_refused(const std::string& path, linnet_status status, const std::string& why) {
  CAPTURE(path);
  Session session = open(golden());
  (void)run(session, std::span(golden().tokens()).first(3));
  const auto result = session.load_file(path.c_str());
  CHECK(result.status == status);
  CHECK_MESSAGE(std::string(result.message()).find(why) != std::string::npos, result.message());
  CHECK(std::string(result.message()).find(path) != std::string::npos);
  CHECK(session.position() == 3);
}

}  // namespace

TEST_CASE("a state goes on from a file where it was, in a session of other chunks") {
  const TempFolder folder;
  const std::string path = folder.file("text.state");
  const std::span<const int32_t> tokens = golden().tokens();
  Session session = open(golden());
  (void)run(session, tokens.first(20));
  REQUIRE(session.save_file(path.c_str()).ok());
  const std::vector<float> expected = run(session, tokens.subspan(20, 5));
  Session other = open(golden());
  REQUIRE(other.load_file(path.c_str()).ok());
  CHECK(other.position() == 20);
  CHECK(run(other, tokens.subspan(20, 5)) == expected);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("rings that came round are saved in the order of their tokens, for spare rows too") {
  const std::span<const int32_t> tokens = golden().tokens();
  for (const size_t length : {3U, 16U, 17U, 27U}) {
    CAPTURE(length);
    Session session = open(golden(), /*context=*/16);
    (void)run(session, tokens.first(length));
    std::vector<std::byte> saved;
    REQUIRE(session.save(&saved).ok());
    linnet_session_options options = linnet_session_options_defaults();
    options.threads = 1;
    options.chunk = 8;
    options.context = 16;
    options.rewind = 5;
    Session other;
    REQUIRE(other.open(golden().model(), options).ok());
    REQUIRE(other.load(saved).ok());
    CHECK(run(other, tokens.subspan(length, 20)) == run(session, tokens.subspan(length, 20)));
  }
}

TEST_CASE("a short text's state is small, whatever the context") {
  Session session = open(golden(), /*context=*/4096);
  (void)run(session, std::span(golden().tokens()).first(4));
  const size_t four = session.state_bytes();
  (void)run(session, std::span(golden().tokens()).first(4));
  const size_t eight = session.state_bytes();
  linnet_memory memory = {};
  linnet_session_options options = linnet_session_options_defaults();
  options.context = 4096;
  REQUIRE(golden().model().session_bytes(options, &memory).ok());
  CHECK(four < eight);
  CHECK(eight < memory.state_bytes / 4);
}

TEST_CASE("an encoder-decoder's state has its source, and that of a beam search its hypotheses") {
  const linnet::test::Seq2SeqModel seq2seq("golden/hf/marian", "f32");
  for (const uint32_t beams : {1U, 3U}) {
    CAPTURE(beams);
    Session session = seq2seq.open(/*context=*/32, beams);
    linnet::test::encode(session, seq2seq.source());
    (void)seq2seq.run(session, {seq2seq.target().front()});
    std::vector<float> rows(beams * seq2seq.vocabulary());
    const std::vector<int32_t> tokens = {5, 6, 7};
    const std::vector<uint32_t> parents = {0, 0, 0};
    if (beams > 1) REQUIRE(session.run_beams(tokens, parents, rows.data()).ok());
    std::vector<std::byte> saved;
    REQUIRE(session.save(&saved).ok());
    Session other = seq2seq.open(/*context=*/32, beams);
    REQUIRE(other.load(saved).ok());
    if (beams == 1) {
      CHECK(seq2seq.run(other, {5}) == seq2seq.run(session, {5}));
      continue;
    }
    std::vector<float> others(rows.size());
    const std::vector<uint32_t> swapped = {2, 0, 1};
    REQUIRE(session.run_beams(tokens, swapped, rows.data()).ok());
    REQUIRE(other.run_beams(tokens, swapped, others.data()).ok());
    CHECK(rows == others);
  }
}

TEST_CASE("states of other versions and other models are refused with a message") {
  const TempFolder folder;
  for (const uint32_t version : {0U, 2U, 4U}) {
    check_refused(changed(folder, version_offset, version), LINNET_UNSUPPORTED,
                  "version " + std::to_string(version));
  }
  check_refused(changed(folder, model_offset, 12345), LINNET_INVALID_ARGUMENT, "another model");
  check_refused(changed(folder, 0, 12345), LINNET_INVALID_ARGUMENT, "not a saved state");
  const GoldenModel another("golden/ref/fla_rwkv7", "f32");
  Session session = open(another);
  const std::string path = folder.file("another.state");
  REQUIRE(session.save_file(path.c_str()).ok());
  check_refused(path, LINNET_INVALID_ARGUMENT, "another model");
}

TEST_CASE("a file that is cut short, missing or empty is refused") {
  const TempFolder folder;
  const std::string whole = read_file(changed(folder, version_offset, 3));
  for (const size_t size : {whole.size() - 1, whole.size() / 2, size_t{40}, size_t{8}}) {
    check_refused(folder.write("cut.state", whole.substr(0, size)), LINNET_INVALID_ARGUMENT, "");
  }
  check_refused(folder.write("long.state", whole + "x"), LINNET_INVALID_ARGUMENT, "");
  check_refused(folder.file("missing.state"), LINNET_IO_ERROR, "");
  check_refused(folder.write("empty.state", ""), LINNET_INVALID_ARGUMENT, "empty");
}

TEST_CASE("whatever a header claims, a state is refused or runs within bounds") {
  const TempFolder folder;
  const std::string whole = read_file(changed(folder, version_offset, 3));
  constexpr size_t header_bytes = 56;
  for (size_t offset = 0; offset < header_bytes; offset += 4) {
    for (const uint32_t lie : {0U, 1U, 19U, 21U, 0x7fffffffU, 0xffffffffU}) {
      std::vector<std::byte> bytes(whole.size());
      std::memcpy(bytes.data(), whole.data(), whole.size());
      std::memcpy(&bytes[offset], &lie, sizeof lie);
      Session session = open(golden());
      if (session.load(bytes).ok()) CHECK(session.run({golden().tokens().data(), 2}).ok());
    }
  }
}

TEST_CASE("a file that cannot be written leaves the old one, and nothing beside it") {
  const TempFolder folder;
  Session session = open(golden());
  const auto result = session.save_file((folder.path() + "/no/such/folder/a.state").c_str());
  CHECK(result.status == LINNET_IO_ERROR);
  CHECK(std::string(result.message()).find("a.state") != std::string::npos);
  std::filesystem::create_directory(folder.file("taken"));
  CHECK(session.save_file(folder.file("taken").c_str()).status == LINNET_IO_ERROR);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
