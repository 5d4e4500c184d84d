#include "runtime/ops/position_embedding.h"

#include "runtime/kernels/elementwise.h"

namespace linnet {

Status PositionEmbedding::check(const Site& site) {
  Status status = site.expect_counts(2, 1);
  if (status.failed()) return status;
  const Tensor* table = site.input(1);
  const Tensor& y = site.output(0);
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t width = y.columns().number();
  status = site.expect_activation(&y, "output", tokens, width);
  if (status.failed()) return status;
  status = site.expect_activation(site.input(0), "input", tokens, width);
  if (status.failed()) return status;
  if (table == nullptr || table->rank != 2) return site.fail("needs a table of positions");
  const size_t rows = table->rows().number();
  if (rows <= site.attributes<PositionEmbeddingAttributes>().offset) {
    return site.fail("has a table that ends before the first position");
  }
  return site.expect_weight(table, "table", {rows, width});
}

size_t PositionEmbedding::positions(const Graph& graph, const Operator& op) {
  const Tensor& table = graph.tensors[static_cast<size_t>(op.inputs[1])];
  return table.rows().number() - std::get_if<PositionEmbeddingAttributes>(&op.attributes)->offset;
}

Status PositionEmbedding::prepare(const Bindings& bindings) {
  const auto& attributes = *std::get_if<PositionEmbeddingAttributes>(&bindings.op().attributes);
  width_ = bindings.output_tensor(0).columns().number();
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  table_ = bindings.input_rows(1);
  table_.data = table_[attributes.offset];
  return Status::ok();
}

Status PositionEmbedding::run(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); ++i) {
    const TextRows& text = chunk.texts[i];
    const kernels::ConstRows rows = {table_[static_cast<size_t>(chunk.position_of(i))],
                                     table_.stride};
    const kernels::ElementwiseStep add = {ElementwiseFunction::add, rows, 1, 0};
    kernels::elementwise(text.count, width_, {x_[text.first], x_.stride}, {&add, 1},
                         {y_[text.first], y_.stride});
  }
  return Status::ok();
}

}  // namespace linnet
