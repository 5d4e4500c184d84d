#pragma once

#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/linnet/matrix_products.h"

namespace linnet::cli {

/// Operators that a profile counts together.
struct ProfileRow {
  std::string name;       ///< "layers.*.mlp.down"; by kind the same as `kind`
  std::string kind;       ///< "Linear"
  size_t operators = 0;   ///< of the graph
  double seconds = 0;     ///< that they take
  double operations = 0;  ///< of their matrix products; a multiply-add is two
  double bytes = 0;       ///< of the matrices that they read
};

/// Where the time of a run goes. Every number is of one run, the mean of several.
struct Profile {
  size_t tokens = 0;
  double seconds = 0;               ///< on the wall clock
  std::vector<ProfileRow> by_kind;  ///< slowest first
  std::vector<ProfileRow> by_name;  ///< numbers within names taken together; slowest first

  double seconds_in_operators() const;
};

/// "layers.3.mlp.down" -> "layers.*.mlp.down".
std::string name_pattern(std::string_view name);

/// Collects what the operators of a session take. The session must outlive it and is watched by
/// nobody else.
class Profiler {
 public:
  explicit Profiler(Session& session);
  ~Profiler();
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  /// Forgets what was collected.
  void clear() { taken_.clear(); }

  /// What was collected since, as the mean of `runs` such runs, which took `seconds` together.
  Profile profile(const std::vector<MatrixProduct>& products, const RunShape& shape, size_t runs,
                  double seconds) const;

 private:
  struct Taken {
    const char* name = nullptr;
    const char* kind = nullptr;
    uint64_t nanoseconds = 0;
  };

  static void add(const linnet_operator_run* run, void* context);

  Session& session_;
  std::vector<Taken> taken_;  // by operator
};

}  // namespace linnet::cli
