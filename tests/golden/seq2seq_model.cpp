#include "tests/golden/seq2seq_model.h"

#include "tools/convert/convert.h"
#include "tools/linnet/diff_seq2seq.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/reference_file.h"

namespace linnet::test {

Seq2SeqModel::Seq2SeqModel(const std::string& folder, const std::string& weights) {
  const std::string checkpoint = std::string(LINNET_TEST_DIR) + "/" + folder;
  path_ = folder_.file("model.linnet");
  expected_ = checkpoint + "/expected.safetensors";
  convert::ConvertOptions options;
  options.checkpoint = checkpoint;
  options.output = path_;
  options.weights = weights;
  convert::convert(options);
  cli::require(model_.open(path_.c_str()));
  cli::ReferenceFile reference(expected_);
  const bool is_hf = reference.has("decoder_input_ids");
  source_ = reference.ids(is_hf ? "input_ids" : "src_ids");
  target_ = reference.ids(is_hf ? "decoder_input_ids" : "tgt_ids");
}

cli::LanguageModelComparison Seq2SeqModel::compare(uint32_t chunk, uint32_t threads) const {
  cli::ReferenceFile reference(expected_);
  return cli::compare_seq2seq(model_, reference, chunk, threads);
}

Session Seq2SeqModel::open(uint32_t context, uint32_t beams) const {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 64;
  options.context = context;
  options.beams = beams;
  return cli::open_session(model_, options);
}

std::vector<float> Seq2SeqModel::run(Session& session, const std::vector<int32_t>& tokens) const {
  std::vector<float> logits(vocabulary());
  cli::require(session.run(tokens, logits.data()));
  return logits;
}

void encode(Session& session, const std::vector<int32_t>& source) {
  const size_t length = source.size();
  cli::require(session.encode({.tokens = source.data(),
                               .token_types = nullptr,
                               .mask = nullptr,
                               .lengths = &length,
                               .count = 1}));
}

}  // namespace linnet::test
