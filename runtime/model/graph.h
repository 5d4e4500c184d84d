#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/base/kinds.h"
#include "runtime/model/attributes.h"

namespace linnet {

/// The numbers that a shape's symbols stand for, in one chunk or at most in a session.
struct Extents {
  size_t tokens = 0;       ///< T
  size_t logits_rows = 0;  ///< L
  size_t context = 0;      ///< C
  size_t texts = 0;        ///< B
  size_t source = 0;       ///< S
};

/// One dimension of a shape: a number, or a symbol whose number is known at run time.
class Dimension {
 public:
  enum class Kind : uint8_t { number, tokens, logits_rows, context, texts, source };

  constexpr Dimension() = default;
  constexpr explicit Dimension(size_t number) : number_(number) {}
  constexpr explicit Dimension(Kind symbol) : kind_(symbol) {}

  constexpr Kind kind() const { return kind_; }
  constexpr bool is_number() const { return kind_ == Kind::number; }
  constexpr size_t number() const { return number_; }
  constexpr size_t in(const Extents& extents) const {
    switch (kind_) {
      case Kind::tokens:
        return extents.tokens;
      case Kind::logits_rows:
        return extents.logits_rows;
      case Kind::context:
        return extents.context;
      case Kind::texts:
        return extents.texts;
      case Kind::source:
        return extents.source;
      case Kind::number:
        break;
    }
    return number_;
  }
  friend constexpr bool operator==(const Dimension&, const Dimension&) = default;

 private:
  Kind kind_ = Kind::number;
  size_t number_ = 0;
};

/// A verified tensor of the graph. Strings and data lie in the mapped file.
struct Tensor {
  static constexpr size_t max_rank = 4;

  std::string_view name;
  DataType type = DataType::f32;
  Storage storage = Storage::activation;
  size_t rank = 0;
  Dimension shape[max_rank];
  const void* data = nullptr;  ///< weights only; null where the file holds a matrix packed only
  size_t data_bytes = 0;
  const void* scales = nullptr;  ///< int8, int4: [rows], or, with a block, [rows, blocks]
  size_t block = 0;              ///< int8, int4: values per scale along a row; 0: one per row
  int32_t base = -1;             ///< the activation this one is columns of, or -1
  size_t column = 0;

  /// Rows and columns of a tensor of rank 2; a vector is one row.
  Dimension rows() const { return rank == 2 ? shape[0] : Dimension(size_t{1}); }
  Dimension columns() const { return rank == 0 ? Dimension(size_t{1}) : shape[rank - 1]; }

  /// Elements of the tensor; a weight's or state's never overflow once verified.
  size_t elements(const Extents& extents) const {
    size_t product = 1;
    for (size_t i = 0; i < rank; ++i) product *= shape[i].in(extents);
    return product;
  }
};

/// One step of the graph. Indices are into Graph::tensors; -1 is an optional input left out.
struct Operator {
  std::string_view name;
  OperatorAttributes attributes;
  Array<int32_t> inputs;
  Array<int32_t> outputs;
};

/// How an entry point takes text: token after token in chunks, or whole texts in one chunk, where
/// every token sees the others of its text. The names of the entry points in the file.
enum class EntryKind : uint8_t { decode, encode };

/// What an entry point makes: f32 rows, of decode L of them, of encode T or B.
struct Output {
  const char* name = "";
  int32_t tensor = -1;
};

/// A way into the graph: what goes in, the operators that run, what comes out.
struct EntryPoint {
  int32_t tokens = -1;       ///< int32 [T]
  int32_t token_types = -1;  ///< int32 [T], or -1
  Array<Output> outputs;     ///< at least one
  size_t first_operator = 0;
  size_t end_operator = 0;

  bool exists() const { return tokens >= 0; }
};

/// The verified graph of a file. The operators of encode come before those of decode, each in the
/// order of execution.
struct Graph {
  Array<Tensor> tensors;
  Array<Operator> operators;
  EntryPoint encode;
  EntryPoint decode;
  size_t vocabulary = 0;  ///< columns of decode's logits; without decode, of encode's first output

  std::span<const Operator> operators_of(const EntryPoint& entry) const {
    return {operators.begin() + entry.first_operator, operators.begin() + entry.end_operator};
  }
  /// The tensor whose memory a tensor is in: its base, or itself.
  int32_t memory_of(int32_t tensor) const {
    const int32_t base = tensor >= 0 ? tensors[static_cast<size_t>(tensor)].base : -1;
    return base >= 0 ? base : tensor;
  }
  /// Decode where there is one.
  const EntryPoint& main_entry() const { return decode.exists() ? decode : encode; }
};

}  // namespace linnet
