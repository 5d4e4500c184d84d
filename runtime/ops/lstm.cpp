#include "runtime/ops/lstm.h"

#include <algorithm>
#include <cstring>

#include "runtime/kernels/lstm.h"
#include "runtime/ops/parallel.h"

namespace linnet {
namespace {

enum Input : size_t { gates, matrix, state, input_count };

constexpr size_t gate_count = 4;

// A matrix that is read once for so many texts is no longer what they wait for.
constexpr size_t texts_at_a_time = 8;

size_t rows_at_a_time(size_t texts) {
  return std::min(texts_at_a_time, std::max<size_t>(texts, 1));
}

bool is_plain(const Tensor* tensor, size_t width) {
  return tensor != nullptr && tensor->storage == Storage::weight && tensor->data != nullptr &&
         (tensor->type == DataType::f16 || tensor->type == DataType::f32) && tensor->rank == 2 &&
         tensor->shape[0] == Dimension(gate_count * width) && tensor->shape[1] == Dimension(width);
}

}  // namespace

Status Lstm::check(const Site& site) {
  Status status = site.expect_counts(input_count, 1);
  if (status.failed()) return status;
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t width = site.output(0).columns().number();
  status = site.expect_activation(&site.output(0), "output", tokens, width);
  if (!status.failed()) {
    status = site.expect_activation(site.input(gates), "gates", tokens, gate_count * width);
  }
  if (status.failed()) return status;
  if (!is_plain(site.input(matrix), width)) {
    return site.fail("needs a recurrent matrix [4 * width, width] of type f32 or f16");
  }
  if (site.input(state) == nullptr) return Status::ok();
  return site.expect_state(site.input(state), "state", {Dimension(2), Dimension(width)});
}

size_t Lstm::scratch_bytes(const Site& site, const Extents& largest) {
  const size_t rows = rows_at_a_time(largest.texts);
  return rows * (2 + gate_count) * site.output(0).columns().number() * sizeof(float);
}

Status Lstm::prepare(const Bindings& bindings) {
  width_ = bindings.output_tensor(0).columns().number();
  threads_ = bindings.threads();
  gates_ = bindings.input_rows(gates);
  y_ = bindings.output_rows(0);
  if (bindings.input_tensor(matrix).type == DataType::f16) {
    half_ = {bindings.input<const uint16_t>(matrix), width_, gate_count * width_, nullptr};
  } else {
    float_ = {bindings.input<const float>(matrix), width_, gate_count * width_, nullptr};
  }
  state_ = bindings.input<float>(state);
  rows_ = rows_at_a_time(bindings.largest().texts);
  auto* scratch = reinterpret_cast<float*>(bindings.scratch());
  hidden_ = {scratch, width_};
  cells_ = {scratch + rows_ * width_, width_};
  recurrent_ = {scratch + 2 * rows_ * width_, gate_count * width_};
  return Status::ok();
}

Status Lstm::run(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); i += rows_) {
    run_texts(chunk, i, std::min(rows_, chunk.texts.size() - i));
  }
  return Status::ok();
}

/// All texts from their first token to their last; one that has ended gives up its slot.
void Lstm::run_texts(const Chunk& chunk, size_t first, size_t count) {
  TextRows walks[texts_at_a_time];  // row i of the scratch is the memory of walks[i]
  float* states[texts_at_a_time];
  for (size_t i = 0; i < count; ++i) {
    walks[i] = chunk.texts[first + i];
    states[i] = chunk.state_of(first + i, state_);
    start(states[i], i);
  }
  for (size_t token = 0; count > 0; ++token) {
    for (size_t i = 0; i < count;) {
      if (walks[i].count > token) {
        ++i;
      } else {
        finish(i, states[i]);
        if (i == --count) continue;
        walks[i] = walks[count];
        states[i] = states[count];
        move(count, i);
      }
    }
    if (count > 0) step(walks, count, token);
  }
}

void Lstm::start(const float* from, size_t row) {
  if (from == nullptr) {
    std::memset(hidden_[row], 0, width_ * sizeof(float));
    std::memset(cells_[row], 0, width_ * sizeof(float));
    return;
  }
  std::memcpy(hidden_[row], from, width_ * sizeof(float));
  std::memcpy(cells_[row], from + width_, width_ * sizeof(float));
}

void Lstm::finish(size_t row, float* to) const {
  if (to == nullptr) return;
  std::memcpy(to, hidden_[row], width_ * sizeof(float));
  std::memcpy(to + width_, cells_[row], width_ * sizeof(float));
}

/// One token of every text that still has one.
void Lstm::step(const TextRows* texts, size_t count, size_t token) {
  multiply(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t row = texts[i].first + token;
    kernels::lstm_cells({width_, gates_[row], recurrent_[i], cells_[i], hidden_[i]}, 0, width_);
    std::memcpy(y_[row], hidden_[i], width_ * sizeof(float));
  }
}

void Lstm::multiply(size_t rows) {
  const kernels::ConstRows hidden = {hidden_.data, hidden_.stride};
  parallel_for(threads_, gate_count * width_, rows * gate_count * width_ * width_,
               [&](size_t first, size_t count) {
                 if (half_.matrix != nullptr) {
                   kernels::multiply_half(half_, rows, hidden, first, count, recurrent_);
                 } else {
                   kernels::multiply_float(float_, rows, hidden, first, count, recurrent_);
                 }
               });
}

void Lstm::move(size_t from, size_t to) {
  std::memcpy(hidden_[to], hidden_[from], width_ * sizeof(float));
  std::memcpy(cells_[to], cells_[from], width_ * sizeof(float));
}

}  // namespace linnet
