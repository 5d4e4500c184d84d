#include "tools/linnet/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace linnet::cli {
namespace {

constexpr auto patience = std::chrono::milliseconds(500);
constexpr auto interval = std::chrono::milliseconds(100);
constexpr int bar_width = 30;
constexpr const char* erase_line = "\r\x1b[K";

}  // namespace

ProgressLine::ProgressLine(std::string label)
    : label_(std::move(label)),
      terminal_(isatty(STDERR_FILENO) != 0),
      next_(Clock::now() + patience) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::update(double done, const std::string& detail) {
  if (!terminal_ || Clock::now() < next_) return;
  next_ = Clock::now() + interval;
  drawn_ = true;
  const double share = std::clamp(done, 0.0, 1.0);
  std::string bar(bar_width, ' ');
  std::fill_n(bar.begin(), static_cast<int>(share * bar_width), '=');
  std::fprintf(stderr, "%s%s [%s] %3.0f %%  %.30s", erase_line, label_.c_str(), bar.c_str(),
               share * 100, detail.c_str());
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::fputs(erase_line, stderr);
  std::fflush(stderr);
}

}  // namespace linnet::cli
