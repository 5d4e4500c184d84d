#include "runtime/ops/wkv.h"

#include "runtime/ops/parallel.h"

namespace linnet {
namespace {

enum Input : size_t { key, value, decay, bonus, state, input_count };

constexpr size_t state_rows = 3;

}  // namespace

Status Wkv::check(const Site& site) {
  Status status = site.expect_counts(input_count, 1);
  if (status.failed()) return status;
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t width = site.output(0).columns().number();
  status = site.expect_activation(&site.output(0), "output", tokens, width);
  if (!status.failed()) status = site.expect_activation(site.input(key), "key", tokens, width);
  if (!status.failed()) status = site.expect_activation(site.input(value), "value", tokens, width);
  if (!status.failed()) status = site.expect_weight(site.input(decay), "decay", {width});
  if (!status.failed()) status = site.expect_weight(site.input(bonus), "bonus", {width});
  if (status.failed()) return status;
  return site.expect_state(site.input(state), "state", {Dimension(state_rows), Dimension(width)});
}

Status Wkv::prepare(const Bindings& bindings) {
  width_ = bindings.output_tensor(0).columns().number();
  threads_ = bindings.threads();
  arguments_.key = bindings.input_rows(key);
  arguments_.value = bindings.input_rows(value);
  arguments_.decay = bindings.input<const float>(decay);
  arguments_.bonus = bindings.input<const float>(bonus);
  arguments_.state = {bindings.input<float>(state), width_};
  arguments_.output = bindings.output_rows(0);
  return Status::ok();
}

kernels::WkvArguments Wkv::arguments_of(const Chunk& chunk, size_t text) const {
  const TextRows rows = chunk.texts[text];
  kernels::WkvArguments arguments = arguments_;
  arguments.tokens = rows.count;
  arguments.key.data = arguments_.key[rows.first];
  arguments.value.data = arguments_.value[rows.first];
  arguments.state.data = chunk.state_of(text, arguments_.state.data);
  arguments.output.data = arguments_.output[rows.first];
  return arguments;
}

Status Wkv::run(const Chunk& chunk) {
  // Four exponentials per channel and token weigh as much as some thirty multiply-adds.
  constexpr size_t work_per_channel = 32;
  const size_t work = chunk.extents.tokens * width_ * work_per_channel;
  parallel_for(threads_, width_, work, [&](size_t first, size_t count) {
    for (size_t i = 0; i < chunk.texts.size(); ++i) {
      kernels::wkv(arguments_of(chunk, i), first, count);
    }
  });
  return Status::ok();
}

}  // namespace linnet
