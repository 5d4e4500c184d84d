// Writes the inputs that fuzzing starts from, made of the reference checkpoints, to a folder per
// target below the folder that it is given. All are small: a fuzzer gets through few large ones.
#include <linnet/pack.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "schema/linnet_objects_generated.h"
#include "tests/fuzz/aligned_copy.h"
#include "tests/fuzz/model_segments.h"
#include "tests/fuzz/run_model.h"
#include "tests/fuzz/state_models.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/torch_zip_builder.h"
#include "tools/convert/convert.h"
#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/zip_archive.h"
#include "tools/linnet/pack_model.h"

namespace {

namespace fs = std::filesystem;
namespace objects = linnet::objects;
using linnet::test::read_file;

constexpr size_t most_bytes = 1 << 16;
const std::string golden = LINNET_GOLDEN_FOLDER "/";

class SeedFolder {
 public:
  SeedFolder(const std::string& root, const std::string& target)
      : folder_(fs::path(root) / target) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  void add(std::string name, const std::string& bytes) const {
    if (bytes.size() > most_bytes) return;
    std::replace(name.begin(), name.end(), '/', '-');
    std::ofstream(folder_ / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  fs::path folder_;
};

/// Folders below tests/golden whose checkpoint is small, as "variants/gla".
std::vector<std::string> small_checkpoints() {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(golden)) {
    const bool is_weights = entry.path().filename() == "model.safetensors";
    if (!is_weights || entry.file_size() > most_bytes) continue;
    const fs::path folder = entry.path().parent_path();
    if (fs::exists(folder / "config.json")) names.push_back(fs::relative(folder, golden).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// ---- Model files
// ---------------------------------------------------------------------------------

/// The same header with all weights in one stretch of bytes, as long as the largest weight and fit
/// to be read as scales of every type, and the tokenizer behind it: a file in which nearly every
/// byte is one that decides something.
class CompactModel {
 public:
  explicit CompactModel(const std::string& file) : file_(file) {
    objects::GetSizePrefixedModel(file.data())->UnPackTo(&model_);
    for (objects::Segment* segment : linnet::fuzz::weight_segments(model_)) {
      largest_ = std::max<size_t>(largest_, segment->size());
    }
  }

  std::string bytes() {
    std::string header = make_header();  // its size does not depend on what it says of places
    const size_t start = on_boundary(header.size());
    std::string body(largest_, '\x3c');
    for (objects::Segment* segment : linnet::fuzz::weight_segments(model_))
      *segment = objects::Segment(start, segment->size());
    for (objects::Segment* segment : linnet::fuzz::tokenizer_segments(model_)) {
      body.resize(on_boundary(body.size()));
      const std::string table = file_.substr(segment->offset(), segment->size());
      *segment = objects::Segment(start + body.size(), segment->size());
      body += table;
    }
    header = make_header();
    header.resize(start);
    return header + body;
  }

 private:
  static size_t on_boundary(size_t bytes) { return (bytes + 63) / 64 * 64; }

  std::string make_header() const {
    flatbuffers::FlatBufferBuilder builder;
    objects::FinishSizePrefixedModelBuffer(builder, objects::Model::Pack(builder, &model_));
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
  }

  const std::string& file_;
  objects::ModelT model_;
  size_t largest_ = 0;
};

// One for every operator, kind of state and type of weights, with each of the tokenizers.
struct ModelSeed {
  const char* checkpoint;
  const char* weights;
  const char* tokenizer;  // below tests/fuzz/seeds/tokenizer, or "" for the checkpoint's own
  bool packs;
};
constexpr ModelSeed model_seeds[] = {{"variants/gla_hybrid", "f32", "", false},
                                     {"variants/gated_deltanet", "int8", "byte_level.json", false},
                                     {"variants/rwkv4_pth", "int4", "rwkv_vocab.txt", false},
                                     {"variants/rwkv5_2", "f16", "", true},
                                     {"variants/kda_no_conv", "int4", "", true},
                                     {"variants/mamba2_fla_groups", "int8", "", true},
                                     {"variants/llama_yarn", "f16", "unigram.json", false},
                                     {"variants/gpt2_unscaled", "f32", "", true},
                                     {"variants/gsa_relu", "f32", "", false},
                                     {"variants/linear_attn_dpfp", "f32", "", false},
                                     {"variants/transformer_xl_same_length", "f32", "", false},
                                     {"variants/ulmfit_single", "f32", "characters.json", false},
                                     {"variants/seq2seq/t5_1_1", "int8", "unigram.json", false},
                                     {"variants/seq2seq/marian_unshared", "f32", "", false},
                                     {"encoders/bert_pooled", "f32", "word_piece.json", false},
                                     {"encoders/bert_labels_multi", "int8", "", false},
                                     {"encoders/modernbert_embed", "f16", "", false},
                                     {"documents/ulmfit_recent", "f32", "", false},
                                     {"hf/mamba", "int8", "", false},
                                     {"hf/granitemoehybrid", "int4", "", false},
                                     {"hf/xlstm", "f32", "", false},
                                     {"hf/recurrent_gemma", "f32", "", false},
                                     {"hf/xlnet_lm", "f32", "", false},
                                     {"hf/qwen3_5_text", "int8", "", false},
                                     {"ref/fla_rwkv7", "f32", "", false},
                                     {"ref/performer", "f32", "", false},
                                     {"ref/performer_encoder", "f32", "", false}};

void make_models(const SeedFolder& folder) {
  const linnet::test::TempFolder work;
  const std::string path = work.file("model.linnet");
  for (const ModelSeed& seed : model_seeds) {
    const std::string tokenizer = seed.tokenizer[0] == 0 ? ""
                                                         : LINNET_FUZZ_FOLDER "/seeds/tokenizer/" +
                                                               std::string(seed.tokenizer);
    linnet::convert::convert({.checkpoint = golden + seed.checkpoint,
                              .output = path,
                              .weights = seed.weights,
                              .vocabulary = tokenizer});
    if (seed.packs) linnet::cli::pack_model({.input = path, .output = path, .keep_plain = true});
    const std::string file = read_file(path);
    const std::string compact = CompactModel(file).bytes();
    const linnet::fuzz::AlignedCopy copy(compact.data(), compact.size());
    const std::string why = linnet::fuzz::run_model(copy.span());
    if (!why.empty()) throw std::runtime_error(std::string(seed.checkpoint) + ": " + why);
    folder.add(std::string(seed.checkpoint) + "-" + seed.weights, compact);
  }
}

// ---- Checkpoints
// ---------------------------------------------------------------------------------

void make_safetensors(const SeedFolder& folder) {
  for (const std::string& name : small_checkpoints()) {
    constexpr size_t small = 1 << 14;
    const std::string file = read_file(golden + name + "/model.safetensors");
    if (file.size() < small) folder.add(name, file);
  }
}

void make_configs(const SeedFolder& folder) {
  for (const std::string& name : small_checkpoints()) {
    folder.add(name, name + "\n" + read_file(golden + name + "/config.json"));
  }
}

void make_pickles(const SeedFolder& folder) {
  for (const auto& entry : fs::directory_iterator(golden + "ref")) {
    const std::string path = (entry.path() / "model.pth").string();
    if (!fs::exists(path)) continue;
    const linnet::convert::InputFile file(path);
    const linnet::convert::ZipArchive archive(file);
    const auto range = archive.locate(archive.find_in_top_folder("data.pkl"));
    folder.add(entry.path().filename().string(), file.read_text(range.offset, range.size));
  }
}

void make_torch_zips(const SeedFolder& folder) {
  using linnet::test::pickled;
  using linnet::test::pickled_entry;
  using linnet::test::TorchTensor;
  using linnet::test::ZipBuilder;
  const std::string floats(24, '\x3f');
  const auto pickle = [](const TorchTensor& tensor) {
    return linnet::test::kPickleStart + pickled_entry("weight", pickled(tensor)) + ".";
  };
  folder.add("plain", linnet::test::torch_zip(pickle({}), floats));
  folder.add("transposed", linnet::test::torch_zip(pickle({.strides = {1, 2}}), floats));
  folder.add(
      "integers",
      linnet::test::torch_zip(
          pickle({.type = "LongStorage", .elements = 3, .shape = {3}, .strides = {1}}), floats));
  folder.add("halves", linnet::test::torch_zip(
                           pickle({.type = "HalfStorage", .elements = 12, .first = 2}), floats));
  folder.add("zip64", ZipBuilder()
                          .add("model/data.pkl", pickle({}), {.zip64 = true})
                          .add("model/data/0", floats, {.zip64 = true})
                          .finish(true, "a comment"));
}

// ---- Saved states
// --------------------------------------------------------------------------------

void make_states(const SeedFolder& folder) {
  for (size_t i = 0; i < linnet::fuzz::state_models(); ++i) {
    const std::vector<std::byte> state = linnet::fuzz::state_model(i).some_state();
    std::string input(1, static_cast<char>(i));
    input.append(reinterpret_cast<const char*>(state.data()), state.size());
    folder.add(std::to_string(i), input);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string root = argv[1];
  try {
    make_models({root, "model"});
    make_safetensors({root, "safetensors"});
    make_torch_zips({root, "torch_zip"});
    make_pickles({root, "pickle"});
    make_configs({root, "config"});
    make_states({root, "state"});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
