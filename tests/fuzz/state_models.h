#pragma once

#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"

namespace linnet::fuzz {

/// A model with a session whose state is fuzzed.
class StateModel {
 public:
  /// `checkpoint` lies below tests/golden.
  StateModel(const std::string& checkpoint, uint32_t beams);

  Session& session() { return session_; }
  const Model& model() const { return model_; }
  uint32_t beams() const { return beams_; }

  /// Runs a few tokens from the state that the session has.
  Result run_on();

  /// The state after a short text.
  std::vector<std::byte> some_state();

 private:
  test::TempFolder folder_;
  Model model_;
  Session session_;
  uint32_t beams_;
};

/// One for every kind of state, made when it is first asked for; index modulo their number. The
/// first byte of an input chooses.
StateModel& state_model(size_t index);
size_t state_models();

}  // namespace linnet::fuzz
