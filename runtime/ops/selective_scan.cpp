#include "runtime/ops/selective_scan.h"

#include <algorithm>

#include "runtime/ops/parallel.h"

namespace linnet {
namespace {

enum Input : size_t { value, step, rates, write, read, skip, state, input_count };

}  // namespace

Status SelectiveScan::check(const Site& site) {
  Status status = site.expect_counts(input_count, 1);
  if (status.failed()) return status;
  const Dimension tokens(Dimension::Kind::tokens);
  const Tensor* rate = site.input(rates);
  if (rate == nullptr || rate->rank != 2) return site.fail("has rates that are not a matrix");
  const size_t width = site.output(0).columns().number();
  const size_t states = rate->rows().is_number() ? rate->rows().number() : 0;
  if (width == 0 || states == 0) return site.fail("has no columns or no states");
  status = site.expect_activation(&site.output(0), "output", tokens, width);
  if (!status.failed()) status = site.expect_activation(site.input(value), "input", tokens, width);
  if (!status.failed()) status = site.expect_activation(site.input(step), "step", tokens, width);
  if (!status.failed()) status = site.expect_weight(rate, "rates", {states, width});
  if (!status.failed() && site.input(write) != nullptr)
    status = site.expect_activation(site.input(write), "B", tokens, states);
  if (!status.failed() && site.input(read) != nullptr)
    status = site.expect_activation(site.input(read), "C", tokens, states);
  if (!status.failed()) status = site.expect_optional_weight(site.input(skip), "D", {width});
  if (status.failed()) return status;
  return site.expect_state(site.input(state), "state", {Dimension(states), Dimension(width)});
}

Status SelectiveScan::prepare(const Bindings& bindings) {
  const auto optional_rows = [&](Input input) {
    return bindings.has_input(input) ? bindings.input_rows(input) : kernels::ConstRows{};
  };
  width_ = bindings.output_tensor(0).columns().number();
  threads_ = bindings.threads();
  arguments_.states = bindings.input_tensor(rates).rows().number();
  arguments_.x = bindings.input_rows(value);
  arguments_.step = bindings.input_rows(step);
  arguments_.rates = bindings.input_rows(rates);
  arguments_.write = optional_rows(write);
  arguments_.read = optional_rows(read);
  arguments_.skip = bindings.input<const float>(skip);
  arguments_.state = {bindings.input<float>(state), width_};
  arguments_.y = bindings.output_rows(0);
  arguments_.input = std::get_if<SelectiveScanAttributes>(&bindings.op().attributes)->input;
  return Status::ok();
}

kernels::SelectiveScanArguments SelectiveScan::arguments_of(const Chunk& chunk, size_t text) const {
  const size_t first = chunk.texts[text].first;
  kernels::SelectiveScanArguments arguments = arguments_;
  arguments.tokens = chunk.texts[text].count;
  arguments.starts_stream = chunk.position_of(text) == 0;
  for (kernels::ConstRows* rows :
       {&arguments.x, &arguments.step, &arguments.write, &arguments.read}) {
    if (*rows) rows->data = (*rows)[first];
  }
  arguments.state.data = chunk.state_of(text, arguments_.state.data);
  arguments.y.data = arguments_.y[first];
  return arguments;
}

Status SelectiveScan::run(const Chunk& chunk) {
  // A whole cache line of columns at a time; an exponential costs about ten multiply-adds.
  constexpr size_t block = 16;
  constexpr size_t cost = 12;
  const size_t work = chunk.extents.tokens * width_ * arguments_.states * cost;
  parallel_for(threads_, (width_ + block - 1) / block, work, [&](size_t first, size_t count) {
    const size_t end = std::min((first + count) * block, width_);
    for (size_t i = 0; i < chunk.texts.size(); ++i) {
      kernels::selective_scan(arguments_of(chunk, i), first * block, end - first * block);
    }
  });
  return Status::ok();
}

}  // namespace linnet
