#include "runtime/model/pack_target.h"

namespace linnet {
namespace {

// What XNNPACK chooses at the commit in platforms/dependencies.txt: src/configs/gemm-config.c, in
// init_f32_gemm_config, init_f32_gemm_nr2_config, init_qd8_f32_qc4w_gemm_config and
// init_qd8_f32_qb4w_gemm_config; the latter two agree in their tiles.
//
// Not among them, since XNNPACK chooses otherwise for one type of weights: Exynos M1 and M2 and the
// first Zen (f32), processors with AVX-VNNI or AMX or with AVX-512 without VNNI (int4 with one
// scale per row; with AVX-512 also f32).
constexpr PackTarget targets[] = {
    {.name = "arm64", .f32 = {8, 1}, .narrow_f32 = {2, 1}, .int4 = {16, 1}},
    {.name = "arm64-dotprod", .f32 = {8, 1}, .narrow_f32 = {2, 1}, .int4 = {16, 4}},
    {.name = "arm64-i8mm", .f32 = {8, 1}, .narrow_f32 = {2, 1}, .int4 = {16, 8}},
    {.name = "armv7", .f32 = {8, 1}, .narrow_f32 = {2, 1}, .int4 = {16, 1}},
    {.name = "x86-64-avx2",
     .f32 = {16, 1},
     .narrow_f32 = {2, 4},
     .int4 = {8, 8},
     .unsigned_int4_rows = true},
    {.name = "x86-64-avx512vnni", .f32 = {32, 1}, .narrow_f32 = {2, 4}, .int4 = {16, 8}},
};

}  // namespace

std::span<const PackTarget> pack_targets() { return targets; }

const PackTarget* find_pack_target(std::string_view name) {
  for (const PackTarget& target : targets) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

}  // namespace linnet
