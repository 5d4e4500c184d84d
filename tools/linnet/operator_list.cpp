#include "tools/linnet/operator_list.h"

#include <set>

#include "tools/linnet/matrix_products.h"
#include "tools/linnet/model_file.h"

namespace linnet::cli {
namespace {

struct Needs {
  std::set<std::string> operators;
  std::set<std::string> weights;
  std::set<std::string> text;
};

/// Matrices alone have types that a build may leave out; a norm's vector is f32 everywhere.
void add_operator(const ModelFile& file, const schema::Operator& step, Needs* needs) {
  const schema::Attributes kind = step.attributes_type();
  needs->operators.insert(schema::EnumNameAttributes(kind));
  if (!multiplies(kind) && kind != schema::Attributes::Embedding) return;
  for (const int32_t input : *step.inputs()) {
    if (input < 0) continue;
    const schema::Tensor& tensor = file.tensor(input);
    if (tensor.storage() == schema::Storage::weight && tensor.shape()->size() > 1)
      needs->weights.insert(schema::EnumNameDataType(tensor.type()));
  }
}

void add_tokenizer(const schema::Tokenizer& tokenizer, Needs* needs) {
  needs->text.insert(schema::EnumNameTokenizerKind(tokenizer.kind()));
  bool has_patterns = tokenizer.split_patterns() != nullptr;
  if (const auto* steps = tokenizer.pre_tokenizers()) {
    for (const auto* step : *steps)
      has_patterns = has_patterns || step->kind() == schema::PreTokenizerKind::split;
  }
  bool has_normalizers = tokenizer.normalizer() != schema::Normalizer::none;
  if (const auto* steps = tokenizer.normalizers()) {
    for (const auto* step : *steps) {
      has_normalizers = true;
      has_patterns = has_patterns || step->kind() == schema::NormalizerKind::replace_matches;
    }
  }
  if (has_patterns) needs->text.insert("patterns");
  if (has_normalizers) needs->text.insert("normalizers");
}

}  // namespace

std::string operator_list(const std::vector<std::string>& models) {
  Needs needs;
  std::string list = "# linnet inspect --operators";
  for (const std::string& path : models) {
    list += " " + path.substr(path.rfind('/') + 1);
    const ModelFile file(path);
    bool encodes = false, decodes = false;
    for (const auto* entry : *file.header().entry_points()) {
      (entry->name()->string_view() == "decode" ? decodes : encodes) = true;
      for (const auto* step : *entry->operators()) add_operator(file, *step, &needs);
    }
    if (decodes) needs.text.insert("generation");
    if (decodes && encodes) needs.text.insert("translation");
    if (const auto* tokenizer = file.header().tokenizer()) add_tokenizer(*tokenizer, &needs);
  }
  list += "\n";
  for (const std::string& name : needs.operators) list += "operator " + name + "\n";
  for (const std::string& type : needs.weights) list += "weights " + type + "\n";
  for (const std::string& part : needs.text) list += "text " + part + "\n";
  return list;
}

}  // namespace linnet::cli
