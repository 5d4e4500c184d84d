#include "runtime/kernels/processor.h"

#include <cstdio>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/processor.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

const char* instruction_set() { return hwy::TargetName(HWY_TARGET); }

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(instruction_set);

namespace {

constexpr const char* architecture() {
#if HWY_ARCH_X86_64
  return "x86-64";
#elif HWY_ARCH_ARM_A64
  return "arm64";
#elif HWY_ARCH_ARM_V7
  return "armv7";
#else
  return "processor";
#endif
}

struct Name {
  Name() {
    std::snprintf(text, sizeof text, "%s %s", architecture(),
                  HWY_DYNAMIC_DISPATCH(instruction_set)());
  }
  char text[64];
};

}  // namespace

const char* processor() {
  static const Name name;
  return name.text;
}

}  // namespace linnet::kernels
#endif
