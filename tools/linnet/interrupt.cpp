#include "tools/linnet/interrupt.h"

#include <signal.h>

namespace linnet::cli {
namespace {

volatile sig_atomic_t seen = 0;

}  // namespace

InterruptWatch::InterruptWatch() {
  seen = 0;
  struct sigaction action = {};
  action.sa_handler = [](int) { seen = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

InterruptWatch::~InterruptWatch() { signal(SIGINT, SIG_DFL); }

bool InterruptWatch::interrupted() { return seen != 0; }

}  // namespace linnet::cli
