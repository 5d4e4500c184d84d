#pragma once

#include "runtime/ops/operation.h"

namespace linnet {

/// Rows of a table, gathered by token id straight from the mapped weights. prepare trusts that
/// every id is below the table's rows: the session refuses others before it runs anything.
class Embedding final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  const int32_t* ids_ = nullptr;
  const void* table_ = nullptr;
  const float* scales_ = nullptr;
  size_t block_ = 0;  ///< values per scale
  DataType type_ = DataType::f32;
  size_t width_ = 0;
  kernels::MutableRows y_;
};

}  // namespace linnet
