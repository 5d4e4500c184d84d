#include "tools/linnet/graph_text.h"

#include <algorithm>
#include <cctype>

#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

std::string shape_text(const ModelFile& file, const schema::Tensor& tensor) {
  const auto* symbols = file.header().symbols();
  std::string result = "[";
  for (const int32_t dimension : *tensor.shape()) {
    const auto symbol = static_cast<uint32_t>(-1 - dimension);
    if (result.size() > 1) result += ", ";
    if (dimension >= 0) {
      result += std::to_string(dimension);
    } else {
      result += symbol < symbols->size() ? symbols->Get(symbol)->name()->str() : "?";
    }
  }
  return result + "]";
}

/// "int8[128, 64]" for a weight, "state[4, 16]", "[T, 64]" for an f32 activation.
std::string tensor_text(const ModelFile& file, const schema::Tensor& tensor) {
  std::string prefix;
  if (tensor.storage() == schema::Storage::state) prefix = "state";
  if (tensor.storage() == schema::Storage::weight || tensor.type() != schema::DataType::f32) {
    prefix += schema::EnumNameDataType(tensor.type());
  }
  return prefix + shape_text(file, tensor);
}

std::string activation_text(schema::Activation activation) {
  if (activation == schema::Activation::none) return "";
  return std::string(" ") + schema::EnumNameActivation(activation);
}

/// Whether a function without an operand reads the step's scalar.
bool takes_scalar(schema::ElementwiseFunction function) {
  return function <= schema::ElementwiseFunction::multiply ||
         function == schema::ElementwiseFunction::minimum ||
         function == schema::ElementwiseFunction::maximum;
}

std::string elementwise_text(const schema::Elementwise& elementwise) {
  std::string result;
  for (const auto* step : *elementwise.steps()) {
    result += std::string(" ") + schema::EnumNameElementwiseFunction(step->function());
    if (takes_scalar(step->function()) && step->operand() < 0) {
      result += text(" %.4g", static_cast<double>(step->scalar()));
    }
  }
  return result;
}

std::string fast_weight_text(const schema::FastWeight& rule) {
  std::string result = text(" %s, %u heads", schema::EnumNameWriteRule(rule.rule()), rule.heads());
  if (rule.key_heads() != rule.heads()) result += text(" (%u of keys)", rule.key_heads());
  if (rule.decay() != schema::DecayKind::none) {
    result += std::string(", decay ") + schema::EnumNameDecayKind(rule.decay());
  }
  if (rule.read() == schema::ReadOrder::before_write) result += ", read before write";
  if (rule.read() == schema::ReadOrder::after_all) result += ", read after all";
  if (rule.squash() != schema::Squash::none) {
    result += std::string(", squash ") + schema::EnumNameSquash(rule.squash());
  }
  if (rule.normalize()) result += ", normalised";
  return result;
}

std::string attributes_text(const schema::Operator& step) {
  switch (step.attributes_type()) {
    case schema::Attributes::Linear:
      return activation_text(step.attributes_as_Linear()->activation());
    case schema::Attributes::CausalConv:
      return activation_text(step.attributes_as_CausalConv()->activation());
    case schema::Attributes::Norm: {
      const auto* norm = step.attributes_as_Norm();
      const std::string kind = std::string(" ") + schema::EnumNameNormKind(norm->kind());
      return norm->groups() == 1 ? kind : text("%s, %u groups", kind.c_str(), norm->groups());
    }
    case schema::Attributes::Elementwise:
      return elementwise_text(*step.attributes_as_Elementwise());
    case schema::Attributes::Rotary: {
      const auto* rotary = step.attributes_as_Rotary();
      return text(" %s, %u heads, %u channels", schema::EnumNameRotaryStyle(rotary->style()),
                  rotary->heads(), rotary->dimensions());
    }
    case schema::Attributes::SoftmaxAttention: {
      const auto* attention = step.attributes_as_SoftmaxAttention();
      const std::string window =
          attention->window() > 0 ? text(", at most %u away", attention->window()) : "";
      const std::string segment =
          attention->segment() > 0 ? text(", segments of %u", attention->segment()) : "";
      return text(" %s, %u heads, %u of keys", schema::EnumNameAttentionMask(attention->mask()),
                  attention->heads(), attention->key_value_heads()) +
             window + segment;
    }
    case schema::Attributes::FastWeight:
      return fast_weight_text(*step.attributes_as_FastWeight());
    case schema::Attributes::SelectiveScan:
      return std::string(" ") +
             schema::EnumNameScanInput(step.attributes_as_SelectiveScan()->input());
    case schema::Attributes::GroupedLinear: {
      const auto* linear = step.attributes_as_GroupedLinear();
      return text(" %u groups", linear->groups()) + activation_text(linear->activation());
    }
    case schema::Attributes::MixtureOfExperts: {
      const auto* mixture = step.attributes_as_MixtureOfExperts();
      return text(" %u of %u experts", mixture->experts_per_token(), mixture->experts()) +
             activation_text(mixture->activation());
    }
    case schema::Attributes::SoftmaxFeatures: {
      const auto* features = step.attributes_as_SoftmaxFeatures();
      return text(" of %s, %u heads%s", schema::EnumNameFeatureSide(features->side()),
                  features->heads(), features->running() ? ", running maximum" : "");
    }
    case schema::Attributes::Dpfp: {
      const auto* dpfp = step.attributes_as_Dpfp();
      return text(" %u heads, %u rolls", dpfp->heads(), dpfp->rolls());
    }
    case schema::Attributes::Pool: {
      const auto* pool = step.attributes_as_Pool();
      const std::string kind = std::string(" ") + schema::EnumNamePoolKind(pool->kind());
      return pool->recent() == 0
                 ? kind
                 : kind + text(" of the last %u in chunks of %u", pool->recent(), pool->chunk());
    }
    default:
      return "";
  }
}

std::string flow_text(const ModelFile& file, const schema::Operator& step) {
  std::string result;
  for (const int32_t input : *step.inputs()) {
    if (input >= 0) result += tensor_text(file, file.tensor(input)) + " ";
  }
  result += "->";
  for (const int32_t output : *step.outputs()) {
    if (output >= 0) result += " " + tensor_text(file, file.tensor(output));
  }
  return result;
}

/// Splits "layers.3.mlp.down" after the first part that is a number.
void split_name(const std::string& full, OperatorText* result) {
  for (size_t dot = full.find('.'); dot != std::string::npos; dot = full.find('.', dot + 1)) {
    const size_t end = std::min(full.find('.', dot + 1), full.size());
    const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    if (end > dot + 1 && std::all_of(full.begin() + static_cast<std::ptrdiff_t>(dot + 1),
                                     full.begin() + static_cast<std::ptrdiff_t>(end), is_digit)) {
      result->layer = full.substr(0, end);
      result->name = end < full.size() ? full.substr(end + 1) : "";
      return;
    }
  }
  result->name = full;
}

bool same_but_for_layer(const std::vector<OperatorText>& a, const std::vector<OperatorText>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const OperatorText& x, const OperatorText& y) {
                      return x.name == y.name && x.kind == y.kind && x.flow == y.flow;
                    });
}

/// "layers.0" and "layers.2" -> "layers 0..2".
std::string range_title(const std::string& first, const std::string& last) {
  const size_t dot = first.rfind('.');
  std::string title = first.substr(0, dot) + " " + first.substr(dot + 1);
  if (first != last) title += ".." + last.substr(last.rfind('.') + 1);
  return title;
}

}  // namespace

std::vector<OperatorText> describe_operators(const ModelFile& file,
                                             const schema::EntryPoint& entry) {
  std::vector<OperatorText> result;
  for (const auto* step : *entry.operators()) {
    OperatorText line;
    split_name(step->name()->str(), &line);
    line.kind = schema::EnumNameAttributes(step->attributes_type()) + attributes_text(*step);
    line.flow = flow_text(file, *step);
    result.push_back(std::move(line));
  }
  return result;
}

std::vector<GraphBlock> fold_layers(const std::vector<OperatorText>& operators) {
  std::vector<GraphBlock> blocks;
  std::string last_layer;  // of the block at the end
  for (size_t begin = 0; begin < operators.size();) {
    const std::string& layer = operators[begin].layer;
    size_t end = begin + 1;
    while (end < operators.size() && operators[end].layer == layer) ++end;
    std::vector<OperatorText> body(operators.begin() + static_cast<std::ptrdiff_t>(begin),
                                   operators.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
    if (!layer.empty() && !blocks.empty() && !last_layer.empty() &&
        same_but_for_layer(blocks.back().operators, body)) {
      blocks.back().title = range_title(blocks.back().operators.front().layer, layer);
    } else {
      blocks.push_back({layer.empty() ? "" : range_title(layer, layer), "", std::move(body)});
    }
    last_layer = layer;
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (size_t earlier = 0; earlier < i && blocks[i].same_as.empty(); ++earlier) {
      if (!blocks[i].title.empty() && blocks[earlier].same_as.empty() &&
          same_but_for_layer(blocks[earlier].operators, blocks[i].operators)) {
        blocks[i].same_as = blocks[earlier].title;
      }
    }
  }
  return blocks;
}

}  // namespace linnet::cli
