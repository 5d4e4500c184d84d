#pragma once

#include <pthreadpool.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/status.h"
#include "runtime/kernels/rows.h"
#include "runtime/model/graph.h"
#include "runtime/model/packed_weights.h"

namespace linnet {

/// Rows of a chunk that belong to one text.
struct TextRows {
  size_t first = 0;
  size_t count = 0;
};

/// One of several sessions that run a token each, side by side in the arena of one of them.
struct Stream {
  uint64_t position = 0;     ///< tokens that ran before
  size_t source = 0;         ///< tokens of its encoded text
  std::ptrdiff_t state = 0;  ///< bytes from the state of the arena's session to this one's
};

/// One chunk of the token stream on its way through the operators, or a batch of texts.
struct Chunk {
  Extents extents;        ///< what the symbols of shapes stand for now
  uint64_t position = 0;  ///< tokens that ran before this chunk; an encoder's texts start at 0
  std::span<const TextRows> texts;  ///< the rows of each text, in order; a decoder's is one
  /// Of hypotheses that share the rings: the ring row of each token of text i, from
  /// paths[i * path_stride] on. Null: tokens lie in the rings in order.
  const uint32_t* paths = nullptr;
  size_t path_stride = 0;
  /// Of a batch of sessions: one per text. Empty: every text is the session's own.
  std::span<const Stream> streams = {};
  /// Set by an operator to say that earlier tokens would now come out differently, so that what
  /// the layers above it remember of them is outdated. Null: nobody asks.
  bool* is_outdated = nullptr;

  /// Calls part(text, first, count) for what each text has of rows [first, first + count), counted
  /// within the text.
  template <typename Part>
  void for_each_text(size_t first, size_t count, const Part& part) const {
    for (size_t text = 0; text < texts.size(); ++text) {
      const size_t begin = std::max(first, texts[text].first);
      const size_t end = std::min(first + count, texts[text].first + texts[text].count);
      if (begin < end) part(text, begin - texts[text].first, end - begin);
    }
  }

  uint64_t position_of(size_t text) const {
    return streams.empty() ? position : streams[text].position;
  }
  size_t source_of(size_t text) const {
    return streams.empty() ? extents.source : streams[text].source;
  }
  /// Where the state of a text lies, `own` being where the session's own does.
  template <typename T>
  T* state_of(size_t text, T* own) const {
    if (streams.empty() || own == nullptr) return own;
    return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(own) + streams[text].state);
  }
};

/// Where the tensors of a session lie. `addresses` has one entry per tensor of the graph.
struct SessionMemory {
  const Graph* graph = nullptr;
  const PackedWeights* packed_weights = nullptr;
  std::span<std::byte* const> addresses;
  Extents largest;                  ///< the most that each symbol stands for in this session
  size_t spare_ring_rows = 0;       ///< that KV rings have beyond those that are seen
  pthreadpool_t threads = nullptr;  ///< null: the caller's thread alone
};

/// An operator's tensors with its memory, as prepare sees them.
class Bindings {
 public:
  Bindings(const SessionMemory& memory, const Operator& op, std::byte* scratch)
      : memory_(memory), operator_(op), scratch_(scratch) {}

  const Operator& op() const { return operator_; }
  const Graph& graph() const { return *memory_.graph; }
  const PackedWeights& packed_weights() const { return *memory_.packed_weights; }
  const Extents& largest() const { return memory_.largest; }
  size_t spare_ring_rows() const { return memory_.spare_ring_rows; }
  pthreadpool_t threads() const { return memory_.threads; }

  bool has_input(size_t i) const { return i < operator_.inputs.size() && operator_.inputs[i] >= 0; }
  const Tensor& input_tensor(size_t i) const { return tensor(operator_.inputs[i]); }
  const Tensor& output_tensor(size_t i) const { return tensor(operator_.outputs[i]); }

  /// The input's address; null when it is left out.
  template <typename T>
  T* input(size_t i) const {
    return has_input(i) ? reinterpret_cast<T*>(address(operator_.inputs[i])) : nullptr;
  }
  template <typename T>
  T* output(size_t i) const {
    return reinterpret_cast<T*>(address(operator_.outputs[i]));
  }

  /// f32 rows of an input: of an activation row by row; of a weight or state of rank 1 the same row
  /// for all.
  kernels::ConstRows input_rows(size_t i) const {
    return {input<const float>(i), stride(input_tensor(i))};
  }
  kernels::MutableRows output_rows(size_t i) const {
    return {output<float>(i), stride(output_tensor(i))};
  }

  /// Elements from one row to the next.
  size_t stride(const Tensor& tensor) const;

  /// Operation::scratch_bytes bytes that are this operator's own while it runs.
  std::byte* scratch() const { return scratch_; }

 private:
  const Tensor& tensor(int32_t index) const {
    return memory_.graph->tensors[static_cast<size_t>(index)];
  }
  std::byte* address(int32_t index) const { return memory_.addresses[static_cast<size_t>(index)]; }

  const SessionMemory& memory_;
  const Operator& operator_;
  std::byte* scratch_;
};

/// An operator of the graph, prepared for one session. Beside these members every class has
///
///     static Status check(const Site& site);
///         that every shape and type is what the operator needs: after it, prepare and run stay
///         within their tensors whatever the file said;
///     static size_t scratch_bytes(const Site& site, const Extents& largest);
///         memory that run needs beside its tensors.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  /// Takes the addresses and makes whatever run needs; the only member that may allocate.
  virtual Status prepare(const Bindings& bindings) = 0;

  /// Runs one chunk. Fails only through a defect.
  virtual Status run(const Chunk& chunk) = 0;
};

/// An operator in its graph, as check sees it: finds tensors and words complaints.
class Site {
 public:
  Site(const Graph& graph, const Operator& op) : graph_(graph), operator_(op) {}

  const Operator& op() const { return operator_; }
  template <typename Attributes>
  const Attributes& attributes() const {
    return *std::get_if<Attributes>(&operator_.attributes);
  }

  size_t inputs() const { return operator_.inputs.size(); }
  size_t outputs() const { return operator_.outputs.size(); }
  /// Null when it is left out.
  const Tensor* input(size_t i) const {
    return i < inputs() && operator_.inputs[i] >= 0
               ? &graph_.tensors[static_cast<size_t>(operator_.inputs[i])]
               : nullptr;
  }
  const Tensor& output(size_t i) const {
    return graph_.tensors[static_cast<size_t>(operator_.outputs[i])];
  }

  Status expect_counts(size_t inputs, size_t outputs) const;

  /// An f32 activation of `columns` columns; with `rows`, of just those rows.
  Status expect_activation(const Tensor* tensor, const char* role, size_t columns) const;
  Status expect_activation(const Tensor* tensor, const char* role, Dimension rows,
                           size_t columns) const;

  /// An f32 weight of just this shape.
  Status expect_weight(const Tensor* tensor, const char* role,
                       std::initializer_list<size_t> shape) const;
  Status expect_optional_weight(const Tensor* tensor, const char* role,
                                std::initializer_list<size_t> shape) const;

  /// An f32 state of just this shape.
  Status expect_state(const Tensor* tensor, const char* role,
                      std::initializer_list<Dimension> shape) const;

  Status fail(const char* complaint) const;

 private:
  Status mismatch(const Tensor* tensor, const char* role, const char* expected) const;

  const Graph& graph_;
  const Operator& operator_;
};

}  // namespace linnet
