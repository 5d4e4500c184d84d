#include "tools/linnet/operator_profile.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace linnet::cli {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

void add(ProfileRow* to, const ProfileRow& from) {
  to->operators += from.operators;
  to->seconds += from.seconds;
  to->operations += from.operations;
  to->bytes += from.bytes;
}

/// The sums of rows that have the same name and kind, slowest first.
std::vector<ProfileRow> gather(const std::vector<ProfileRow>& rows) {
  std::map<std::pair<std::string, std::string>, size_t> places;
  std::vector<ProfileRow> sums;
  for (const ProfileRow& row : rows) {
    const auto [place, is_new] = places.try_emplace({row.name, row.kind}, sums.size());
    if (is_new) sums.push_back({row.name, row.kind});
    add(&sums[place->second], row);
  }
  std::stable_sort(sums.begin(), sums.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return sums;
}

}  // namespace

double Profile::seconds_in_operators() const {
  double sum = 0;
  for (const ProfileRow& row : by_kind) sum += row.seconds;
  return sum;
}

std::string name_pattern(std::string_view name) {
  std::string pattern;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (begin > 0) pattern += '.';
    pattern += is_number(part) ? "*" : part;
    begin = end + 1;
  }
  return pattern;
}

Profiler::Profiler(Session& session) : session_(session) { session_.on_operator(add, this); }

Profiler::~Profiler() { session_.on_operator(nullptr, nullptr); }

void Profiler::add(const linnet_operator_run* run, void* context) {
  auto& taken = static_cast<Profiler*>(context)->taken_;
  if (run->index >= taken.size()) taken.resize(run->index + 1);
  Taken& op = taken[run->index];
  op.name = run->name;
  op.kind = run->kind;
  op.nanoseconds += run->nanoseconds;
}

Profile Profiler::profile(const std::vector<MatrixProduct>& products, const RunShape& shape,
                          size_t runs, double seconds) const {
  std::vector<ProfileRow> rows;
  for (const Taken& op : taken_) {
    const double mean = static_cast<double>(op.nanoseconds) * 1e-9 / static_cast<double>(runs);
    rows.push_back({name_pattern(op.name), op.kind, 1, mean});
  }
  for (const MatrixProduct& product : products) {
    if (product.index >= rows.size()) continue;
    rows[product.index].operations = operations(product, shape);
    rows[product.index].bytes = bytes_read(product, shape);
  }
  Profile profile;
  profile.tokens = shape.tokens;
  profile.seconds = seconds / static_cast<double>(runs);
  profile.by_name = gather(rows);
  for (ProfileRow& row : rows) row.name = row.kind;
  profile.by_kind = gather(rows);
  return profile;
}

}  // namespace linnet::cli
