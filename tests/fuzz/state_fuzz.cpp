// A saved state, put into a session that then runs on, goes back and runs on again. The first byte
// of an input chooses the model.
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/state_models.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  linnet::fuzz::StateModel& model = linnet::fuzz::state_model(data[0]);
  const auto* bytes = reinterpret_cast<const std::byte*>(data + 1);
  // In a block of just their size, which need not be aligned.
  const std::vector<std::byte> saved(bytes, bytes + size - 1);
  if (!model.session().load(saved).ok()) return 0;
  std::vector<std::byte> again;
  if (!model.session().save(&again).ok()) return 0;
  (void)model.session().checkpoint().ok();
  if (!model.run_on().ok()) return 0;
  (void)model.session().save(&again).ok();
  uint64_t replay_from = 0;
  const uint64_t position = model.session().position();
  if (!model.session().rewind(position - 1, &replay_from).ok()) return 0;
  (void)model.run_on().ok();
  return 0;
}
