#include "tools/linnet/matrix_products.h"

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

const schema::Tensor& linear_matrix(const ModelFile& file, const schema::Operator& linear) {
  constexpr uint32_t matrix = 1;
  if (linear.inputs()->size() > matrix) {
    const schema::Tensor& tensor = file.tensor(linear.inputs()->Get(matrix));
    if (tensor.storage() == schema::Storage::weight && tensor.shape()->size() == 2) return tensor;
  }
  throw std::runtime_error(linear.name()->str() + ": has no matrix");
}

std::vector<MatrixProduct> matrix_products(const ModelFile& file) {
  const auto& operators = *main_entry(file).operators();
  std::vector<MatrixProduct> products;
  for (uint32_t i = 0; i < operators.size(); ++i) {
    const schema::Operator& op = *operators.Get(i);
    if (op.attributes_type() != schema::Attributes::Linear) continue;
    const schema::Tensor& matrix = linear_matrix(file, op);
    products.push_back({i, weight_elements(matrix), bytes_with_scales(file, matrix),
                        has_wanted_rows(file, file.tensor(op.outputs()->Get(0)))});
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
  return static_cast<double>(product.bytes) * static_cast<double>(times);
}

}  // namespace linnet::cli
