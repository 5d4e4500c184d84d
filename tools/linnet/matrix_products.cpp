#include "tools/linnet/matrix_products.h"

#include <algorithm>
#include <stdexcept>

namespace linnet::cli {

const schema::EntryPoint& main_entry(const ModelFile& file) {
  for (const char* name : {"decode", "encode"}) {
    for (const auto* entry : *file.header().entry_points()) {
      if (entry->name()->string_view() == name) return *entry;
    }
  }
  throw std::runtime_error("the model has no entry point 'decode' or 'encode'");
}

bool has_wanted_rows(const ModelFile& file, const schema::Tensor& tensor) {
  if (tensor.shape()->size() == 0 || tensor.shape()->Get(0) >= 0) return false;
  const auto symbol = static_cast<uint32_t>(-1 - static_cast<int64_t>(tensor.shape()->Get(0)));
  const auto& symbols = *file.header().symbols();
  return symbol < symbols.size() && symbols.Get(symbol)->name()->string_view() == "L";
}

namespace {

const schema::Tensor& matrix_at(const ModelFile& file, const schema::Operator& op, uint32_t input) {
  if (op.inputs()->size() > input) {
    const schema::Tensor& tensor = file.tensor(op.inputs()->Get(input));
    if (tensor.storage() == schema::Storage::weight && tensor.shape()->size() == 2) return tensor;
  }
  throw std::runtime_error(op.name()->str() + ": has no matrix");
}

}  // namespace

const schema::Tensor& first_matrix(const ModelFile& file, const schema::Operator& op) {
  return matrix_at(file, op, 1);
}

bool multiplies(schema::Attributes kind) {
  return kind == schema::Attributes::Linear || kind == schema::Attributes::GroupedLinear ||
         kind == schema::Attributes::MixtureOfExperts;
}

std::vector<MatrixProduct> matrix_products(const ModelFile& file) {
  const auto& operators = *main_entry(file).operators();
  std::vector<MatrixProduct> products;
  for (uint32_t i = 0; i < operators.size(); ++i) {
    const schema::Operator& op = *operators.Get(i);
    if (!multiplies(op.attributes_type())) continue;
    const schema::Tensor& matrix = first_matrix(file, op);
    MatrixProduct product = {
        .index = i,
        .multiply_adds = weight_elements(matrix),
        .bytes = bytes_with_scales(file, matrix),
        .wanted_rows_only = has_wanted_rows(file, file.tensor(op.outputs()->Get(0)))};
    if (const auto* mixture = op.attributes_as_MixtureOfExperts()) {
      const uint64_t chosen = mixture->experts_per_token();
      const uint64_t experts = std::max<uint64_t>(mixture->experts(), 1);
      const schema::Tensor& down = matrix_at(file, op, 2);
      product.multiply_adds = (product.multiply_adds + weight_elements(down)) / experts * chosen;
      product.bytes = (product.bytes + bytes_with_scales(file, down)) / experts * chosen;
      product.most_times =
          static_cast<double>(experts) / std::max(1.0, static_cast<double>(chosen));
    }
    products.push_back(product);
  }
  return products;
}

double operations(const MatrixProduct& product, const RunShape& run) {
  const size_t rows = product.wanted_rows_only ? run.wanted_rows : run.tokens;
  return 2 * static_cast<double>(product.multiply_adds) * static_cast<double>(rows);
}

double operations(const std::vector<MatrixProduct>& products, const RunShape& run) {
  double sum = 0;
  for (const MatrixProduct& product : products) sum += operations(product, run);
  return sum;
}

double bytes_read(const MatrixProduct& product, const RunShape& run) {
  const size_t times = product.wanted_rows_only ? run.wanted_rows : run.chunks;
  const double tokens = static_cast<double>(run.tokens) / static_cast<double>(run.chunks);
  return static_cast<double>(product.bytes) * std::min(product.most_times, std::max(tokens, 1.0)) *
         static_cast<double>(times);
}

}  // namespace linnet::cli
