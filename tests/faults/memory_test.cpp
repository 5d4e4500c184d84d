// Memory that runs out, at every single request of everything that allocates: always a clean
// failure, no leak (the sanitizers' build looks too), and what there was before can still be used.
#include <doctest/doctest.h>

#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/faults/faults.h"
#include "tests/golden/golden_model.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/pack_model.h"

namespace linnet::test {
namespace {

using faults::Fault;
using faults::Watch;

const std::string golden_folder = LINNET_TEST_DIR "/golden/";

struct Case {
  const char* checkpoint;
  const char* weights;
  const char* tokenizer;  ///< below tests/fuzz/seeds/tokenizer, or ""
  bool packs = false;     ///< this machine's layout is in the file
};

// Every kind of packed weight, of state, of tokenizer, and both entry points.
constexpr Case cases[] = {{"variants/gla_hybrid", "f32", "byte_level.json"},
                          {"variants/kda_no_conv", "int4", "characters.json"},
                          {"variants/rwkv5_2", "int8", "rwkv_vocab.txt", true},
                          {"variants/seq2seq/t5_1_1", "f16", "unigram.json"},
                          {"variants/linear_attn_dpfp", "int4", "", true},
                          {"encoders/bert_pooled", "int8", "word_piece.json"},
                          {"encoders/bert_labels_multi", "f32", "splits.json"}};

class ModelFile {
 public:
  explicit ModelFile(const Case& from) : path_(folder_.file("model.linnet")) {
    std::string tokenizer = from.tokenizer;
    if (!tokenizer.empty()) tokenizer.insert(0, LINNET_TEST_DIR "/fuzz/seeds/tokenizer/");
    convert::convert({.checkpoint = golden_folder + from.checkpoint,
                      .output = path_,
                      .weights = from.weights,
                      .vocabulary = tokenizer});
    if (from.packs) cli::pack_model({.input = path_, .output = path_, .keep_plain = false});
  }
  const char* path() const { return path_.c_str(); }

 private:
  TempFolder folder_;
  std::string path_;
};

/// Does `work`, a linnet_status(linnet_message*), with its first request failing, then its second,
/// until it has come through; returns how many requests it makes.
template <typename Work>
size_t fail_each_request(Fault fault, Work&& work) {
  for (size_t at = 0;; ++at) {
    linnet_message why = {};
    linnet_status status = LINNET_OK;
    ptrdiff_t live = 0;
    bool has_failed = false;
    {
      const Watch watch(fault, at);
      status = work(&why);
      live = watch.requests().live;
      has_failed = watch.requests().has_failed;
    }
    INFO("request " << at << ": " << why.text);
    CHECK(live == 0);
    if (!has_failed) {
      CHECK(status == LINNET_OK);
      return at;
    }
    // Work may find a way around a failed request, but never another reason for its failure.
    REQUIRE((status == LINNET_OK || status == LINNET_OUT_OF_MEMORY));
    CHECK((status == LINNET_OK) == (why.text[0] == 0));
    REQUIRE(at < 100'000);
  }
}

linnet_session_options small_session() {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 2;
  options.chunk = 8;
  options.context = 16;
  return options;
}

linnet_status open_and_close(const char* path, linnet_message* why) {
  linnet_model* model = nullptr;
  const linnet_status status = linnet_model_open(path, nullptr, &model, why);
  CHECK((status == LINNET_OK) == (model != nullptr));
  linnet_model_close(model);
  return status;
}

linnet_status open_session_and_close(const linnet_model* model, linnet_message* why) {
  const linnet_session_options options = small_session();
  linnet_memory memory = {};
  const linnet_status planned = linnet_session_bytes(model, &options, &memory, why);
  if (planned != LINNET_OK) return planned;
  linnet_session* session = nullptr;
  const linnet_status status = linnet_session_open(model, &options, nullptr, &session, why);
  CHECK((status == LINNET_OK) == (session != nullptr));
  linnet_session_close(session);
  return status;
}

}  // namespace

TEST_CASE("a model opens or says that memory ran out, at whichever request that is") {
  for (const Case& from : cases) {
    CAPTURE(from.checkpoint);
    const ModelFile file(from);
    const auto open = [&](linnet_message* why) { return open_and_close(file.path(), why); };
    linnet_message why;
    REQUIRE(open(&why) == LINNET_OK);  // what is made once for the process is there from here on
    for (const Fault fault : {Fault::once, Fault::onwards}) {
      CHECK(fail_each_request(fault, open) > 10);
    }
  }
}

TEST_CASE("a session opens or says that memory ran out, at whichever request that is") {
  for (const Case& from : cases) {
    CAPTURE(from.checkpoint);
    const ModelFile file(from);
    Model model;
    cli::require(model.open(file.path()));
    const auto open = [&](linnet_message* why) { return open_session_and_close(model.get(), why); };
    for (const Fault fault : {Fault::once, Fault::onwards}) {
      CHECK(fail_each_request(fault, open) > 10);
    }
  }
}

TEST_CASE("a fork that memory is missing for leaves the session as it was") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  Session session;
  cli::require(session.open(golden.model(), small_session()));
  cli::require(session.run(golden.tokens()));
  const uint64_t position = session.position();
  const auto fork = [&](linnet_message* why) {
    linnet_session* copy = nullptr;
    const linnet_status status = linnet_session_fork(session.get(), nullptr, &copy, why);
    linnet_session_close(copy);
    return status;
  };
  CHECK(fail_each_request(Fault::once, fork) > 10);
  CHECK(session.position() == position);
}

TEST_CASE("text to ids, and ids to text, say that memory ran out") {
  for (const Case& from : cases) {
    if (from.tokenizer[0] == 0) continue;
    CAPTURE(from.tokenizer);
    const ModelFile file(from);
    Model model;
    cli::require(model.open(file.path()));
    const std::string text = "a ab\nAb é it's 1 ab ab ab ab ab ab ab ab";
    std::vector<int32_t> ids(4 * text.size());
    std::vector<char> bytes(8 * text.size());
    size_t count = 0;
    std::vector<int32_t> whole;
    cli::require(model.tokenize(text, true, &whole));
    const auto encode = [&](linnet_message* why) {
      const linnet_status status = linnet_tokenize(model.get(), text.data(), text.size(), true,
                                                   ids.data(), ids.size(), &count, why);
      if (status == LINNET_OK) CHECK(std::vector(ids.begin(), ids.begin() + count) == whole);
      return status;
    };
    CHECK(fail_each_request(Fault::once, encode) > 0);
    size_t size = 0;
    const auto decode = [&](linnet_message* why) {
      return linnet_detokenize(model.get(), whole.data(), whole.size(), true, bytes.data(),
                               bytes.size(), &size, why);
    };
    CHECK(fail_each_request(Fault::once, decode) > 0);
  }
}

TEST_CASE("generating says that memory ran out, and the session goes on") {
  const ModelFile file({"variants/gla_hybrid", "f32", "byte_level.json"});
  Model model;
  cli::require(model.open(file.path()));
  Session session;
  cli::require(session.open(model, small_session()));
  linnet_generate_options options = model.generate_defaults();
  options.max_tokens = 4;
  options.temperature = 1;
  options.top_p = 0.9f;
  options.repetition_penalty = 1.1f;
  const auto print = [](const char*, size_t, void*) { return true; };
  const auto generate = [&](linnet_message* why) {
    return linnet_generate(session.get(), "ab ab", 5, &options, print, nullptr, nullptr, why);
  };
  CHECK(fail_each_request(Fault::once, generate) > 0);
  const int32_t token = 1;
  CHECK(session.run({&token, 1}).ok());
}

TEST_CASE("translating says that memory ran out, and the session goes on") {
  const ModelFile file({"variants/seq2seq/t5_1_1", "f16", "unigram.json"});
  Model model;
  cli::require(model.open(file.path()));
  linnet_session_options wide = small_session();
  wide.beams = 2;
  Session session;
  cli::require(session.open(model, wide));
  linnet_translate_options options = model.translate_defaults();
  options.beams = 2;
  options.max_tokens = 4;
  options.start = 0;
  const auto print = [](const char*, size_t, void*) { return true; };
  const auto translate = [&](linnet_message* why) {
    return linnet_translate(session.get(), "a b", 3, &options, print, nullptr, nullptr, why);
  };
  CHECK(fail_each_request(Fault::once, translate) > 0);
}

TEST_CASE("threads that cannot be started are a failure, not a wait") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  linnet_session_options options = small_session();
  options.threads = 4;
  for (int at = 0; at < 3; ++at) {
    faults::fail_thread(at);
    Session session;
    const auto result = session.open(golden.model(), options);
    CHECK(result.status == LINNET_OUT_OF_MEMORY);
    CHECK(std::string(result.message()).find("4 threads") != std::string::npos);
  }
  faults::fail_thread(-1);
  Session session;
  CHECK(session.open(golden.model(), options).ok());
}

}  // namespace linnet::test
