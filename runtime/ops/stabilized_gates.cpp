#include "runtime/ops/stabilized_gates.h"

namespace linnet {

Status StabilizedGates::check(const Site& site) {
  Status status = site.expect_counts(3, 3);
  if (status.failed()) return status;
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t heads = site.output(0).columns().number();
  for (size_t i = 0; i < 3 && !status.failed(); ++i)
    status = site.expect_activation(&site.output(i), "output", tokens, heads);
  if (!status.failed()) status = site.expect_activation(site.input(0), "input gate", tokens, heads);
  if (!status.failed())
    status = site.expect_activation(site.input(1), "forget gate", tokens, heads);
  if (status.failed()) return status;
  return site.expect_state(site.input(2), "maximum", {Dimension(heads)});
}

Status StabilizedGates::prepare(const Bindings& bindings) {
  arguments_.heads = bindings.output_tensor(0).columns().number();
  arguments_.input = bindings.input_rows(0);
  arguments_.forget = bindings.input_rows(1);
  arguments_.maximum = bindings.input<float>(2);
  arguments_.decay = bindings.output_rows(0);
  arguments_.write = bindings.output_rows(1);
  arguments_.floor = bindings.output_rows(2);
  return Status::ok();
}

Status StabilizedGates::run(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); ++i) {
    const size_t first = chunk.texts[i].first;
    kernels::StabilizedGatesArguments arguments = arguments_;
    arguments.tokens = chunk.texts[i].count;
    arguments.input.data = arguments_.input[first];
    arguments.forget.data = arguments_.forget[first];
    arguments.maximum = chunk.state_of(i, arguments_.maximum);
    arguments.decay.data = arguments_.decay[first];
    arguments.write.data = arguments_.write[first];
    arguments.floor.data = arguments_.floor[first];
    kernels::stabilized_gates(arguments);
  }
  return Status::ok();
}

}  // namespace linnet
