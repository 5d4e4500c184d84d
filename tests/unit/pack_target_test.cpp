// Layouts for processors other than the one at hand.

#include <doctest/doctest.h>
#include <linnet/pack.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model/matrix_packer.h"
#include "runtime/model/packed_layout.h"
#include "runtime/model/packed_matrix.h"
#include "runtime/model/xnn_memory.h"
#include "tests/ops/stored_rows.h"

#if defined(__linux__) && (defined(__aarch64__) || defined(__arm__))
#include <sys/auxv.h>
#endif

namespace linnet {
namespace {

constexpr size_t int4_block = 32;

uint64_t layout_of(const MatrixPacker& packer, DataType type, size_t block) {
  uint64_t layout = 0;
  const Status status = packed_layout(packer, type, block, &layout);
  REQUIRE_MESSAGE(!status.failed(), status.message());
  return layout;
}

bool reads_what_is_for(const PackTarget& target) {
  REQUIRE(!initialize_xnnpack().failed());
  const NativePacker here;
  const TargetPacker there(target);
  const std::pair<DataType, size_t> kinds[] = {
      {DataType::f32, 0}, {DataType::int4, 0}, {DataType::int4, int4_block}};
  return std::ranges::all_of(kinds, [&](const auto& kind) {
    return layout_of(here, kind.first, kind.second) == layout_of(there, kind.first, kind.second);
  });
}

/// The target whose layouts are this machine's, if it's one of those.
const PackTarget* this_target() {
  const auto targets = pack_targets();
  const auto found = std::ranges::find_if(targets, reads_what_is_for);
  return found == targets.end() ? nullptr : &*found;
}

/// A matrix of random values and its bias.
class RandomMatrix {
 public:
  RandomMatrix(DataType type, size_t block, size_t outputs, size_t inputs) {
    weights_.type = type;
    weights_.block = block;
    weights_.outputs = outputs;
    weights_.inputs = inputs;
    const auto floats = convert::random_values(outputs * inputs, 1);
    values_.resize(weights_.matrix_bytes());
    if (type == DataType::f32) {
      std::memcpy(values_.data(), floats.data(), values_.size());
    } else {
      for (size_t i = 0; i < values_.size(); ++i)
        values_[i] = static_cast<std::byte>(128 + 127 * floats[i]);
    }
    bias_ = convert::random_values(outputs, 2);
    make_scales();
    weights_.matrix = values_.data();
    weights_.scales = scales_.data();
    weights_.bias = bias_.data();
  }

  const LinearWeights& weights() const { return weights_; }

 private:
  /// From 1 to 2: bfloat16 are the upper halves of floats.
  void make_scales() {
    const auto floats = convert::random_values(weights_.scale_count(), 3);
    scales_.resize(weights_.scale_count() * weights_.scale_bytes());
    for (size_t i = 0; i < floats.size(); ++i) {
      const float scale = 1.5f + 0.49f * floats[i];
      std::memcpy(
          scales_.data() + i * weights_.scale_bytes(),
          reinterpret_cast<const std::byte*>(&scale) + sizeof scale - weights_.scale_bytes(),
          weights_.scale_bytes());
    }
  }

  LinearWeights weights_;
  std::vector<std::byte> values_;
  std::vector<std::byte> scales_;
  std::vector<float> bias_;
};

std::vector<std::byte> packed_by(const MatrixPacker& packer, const LinearWeights& weights) {
  size_t bytes = 0;
  REQUIRE(!packer.bytes(weights, &bytes).failed());
  constexpr size_t alignment = 64;
  std::vector<std::byte> memory(bytes + alignment);
  const size_t skew = reinterpret_cast<uintptr_t>(memory.data()) % alignment;
  std::byte* packed = memory.data() + (alignment - skew);
  const Status status = packer.pack(weights, packed, bytes);
  REQUIRE_MESSAGE(!status.failed(), status.message());
  return {packed, packed + bytes};
}

/// Clears what a packed f32 matrix has beside its last rows: what XNNPACK leaves there it doesn't
/// read.
void clear_padding(const PackTarget& target, const LinearWeights& weights,
                   std::vector<std::byte>& packed) {
  const PackTile& tile = weights.outputs < target.f32.rows ? target.narrow_f32 : target.f32;
  const size_t used = weights.outputs % tile.rows;
  if (used == 0) return;
  const size_t padded_inputs = (weights.inputs + tile.columns - 1) / tile.columns * tile.columns;
  const size_t panel = tile.rows * (1 + padded_inputs) * sizeof(float);
  std::byte* at = packed.data() + weights.outputs / tile.rows * panel;
  std::fill_n(at + used * sizeof(float), (tile.rows - used) * sizeof(float), std::byte{0});
  at += tile.rows * sizeof(float);
  const size_t column = tile.columns * sizeof(float);
  for (size_t k = 0; k < padded_inputs; k += tile.columns, at += tile.rows * column)
    std::fill_n(at + used * column, (tile.rows - used) * column, std::byte{0});
}

}  // namespace

TEST_CASE("a target's layouts are the same wherever they are made") {
  struct Known {
    const char* target;
    uint64_t f32, int4_rows, int4_blocks;
  };
  // Found on x86-64; files that were packed elsewhere rely on them.
  constexpr Known known[] = {
      {"arm64", 0x6f3a6ebadc8f0704, 0x2ab340bcf1b9eccf, 0xe16cea04d406e2fa},
      {"arm64-dotprod", 0x6f3a6ebadc8f0704, 0x8d8c1abe11a2216d, 0xd6c858e0b3f2b1a9},
      {"arm64-i8mm", 0x6f3a6ebadc8f0704, 0x1dfbd0e36ecae28c, 0x8a8050173d1b3513},
      {"armv7", 0x6f3a6ebadc8f0704, 0x2ab340bcf1b9eccf, 0xe16cea04d406e2fa},
      {"x86-64-avx2", 0x9a60b63b64ace687, 0x3495de99b19aacc9, 0x23d3ddce5e4e301b},
      {"x86-64-avx512vnni", 0x43dac06b13a05e41, 0x1dfbd0e36ecae28c, 0x8a8050173d1b3513},
  };
  CHECK(std::size(known) == pack_targets().size());
  for (const Known& expected : known) {
    CAPTURE(expected.target);
    const PackTarget* target = find_pack_target(expected.target);
    REQUIRE(target != nullptr);
    const TargetPacker packer(*target);
    CHECK(layout_of(packer, DataType::f32, 0) == expected.f32);
    CHECK(layout_of(packer, DataType::int4, 0) == expected.int4_rows);
    CHECK(layout_of(packer, DataType::int4, int4_block) == expected.int4_blocks);
  }
}

TEST_CASE("f16 and int8 are laid out alike for all") {
  for (const PackTarget& target : pack_targets()) {
    CAPTURE(target.name);
    const TargetPacker packer(target);
    CHECK(layout_of(packer, DataType::f16, 0) == layout_of(NativePacker(), DataType::f16, 0));
    CHECK(layout_of(packer, DataType::int8, 256) == layout_of(NativePacker(), DataType::int8, 256));
  }
}

#if defined(__linux__) && (defined(__aarch64__) || defined(__arm__))
TEST_CASE("an Arm processor is the target that its instructions make it") {
#if defined(__aarch64__)
  constexpr unsigned long dot_products = 1UL << 20, i8mm = 1UL << 13;  // HWCAP_ASIMDDP, HWCAP2_I8MM
  std::string expected = "arm64";
  if ((getauxval(AT_HWCAP) & dot_products) != 0) expected = "arm64-dotprod";
  if ((getauxval(AT_HWCAP2) & i8mm) != 0) expected = "arm64-i8mm";
#else
  constexpr unsigned long dot_products = 1UL << 24;  // HWCAP_ASIMDDP of 32-bit programs
  const bool has_them = (getauxval(AT_HWCAP) & dot_products) != 0;
  const std::string expected = has_them ? "arm64-dotprod" : "armv7";
#endif
  const PackTarget* target = find_pack_target(expected);
  REQUIRE(target != nullptr);
  CHECK(reads_what_is_for(*target));
}
#endif

TEST_CASE("a target packs what its own processors pack") {
  const PackTarget* target = this_target();
  if (target == nullptr) {
    MESSAGE("left out: this processor, ", linnet_processor(), ", is no target");
    return;
  }
  MESSAGE("this processor is ", std::string(target->name));
  struct Kind {
    DataType type;
    size_t block, inputs;
  };
  constexpr Kind kinds[] = {
      {DataType::f32, 0, 1},    {DataType::f32, 0, 37},    {DataType::f32, 0, 64},
      {DataType::int4, 0, 2},   {DataType::int4, 0, 38},   {DataType::int4, 0, 128},
      {DataType::int4, 32, 32}, {DataType::int4, 32, 160}, {DataType::int4, 64, 192},
  };
  for (const Kind& kind : kinds) {
    for (const size_t outputs : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 96, 131}) {
      CAPTURE(static_cast<int>(kind.type));
      CAPTURE(kind.block);
      CAPTURE(kind.inputs);
      CAPTURE(outputs);
      const RandomMatrix matrix(kind.type, kind.block, outputs, kind.inputs);
      auto here = packed_by(NativePacker(), matrix.weights());
      auto there = packed_by(TargetPacker(*target), matrix.weights());
      here.resize(there.size());  // rounded up less by some processors
      if (kind.type == DataType::f32) {
        clear_padding(*target, matrix.weights(), here);
        clear_padding(*target, matrix.weights(), there);
      }
      CHECK(here == there);
    }
  }
}

TEST_CASE("packing for a target refuses scales that its kernels could not use") {
  RandomMatrix matrix(DataType::int4, int4_block, 3, 64);
  LinearWeights weights = matrix.weights();
  std::vector<uint16_t> scales(weights.scale_count(), 0x3f80);
  scales[4] = 0;
  weights.scales = scales.data();
  const TargetPacker packer(*find_pack_target("arm64"));
  size_t bytes = 0;
  REQUIRE(!packer.bytes(weights, &bytes).failed());
  std::vector<std::byte> packed(bytes);
  const Status status = packer.pack(weights, packed.data(), bytes);
  CHECK(status.code() == LINNET_INVALID_MODEL);
  CHECK(std::string(status.message()).find("scale 4 of its [3, 64] matrix is 0") !=
        std::string::npos);
}

TEST_CASE("targets have names, and another name is refused") {
  size_t count = 0;
  while (linnet_pack_target(count) != nullptr) ++count;
  CHECK(count == pack_targets().size());
  uint64_t layout = 0;
  linnet_message why;
  CHECK(linnet_packed_layout(LINNET_MATRIX_F32, 0, "arm64", &layout, &why) == LINNET_OK);
  CHECK(linnet_packed_layout(LINNET_MATRIX_F32, 0, "abacus", &layout, &why) ==
        LINNET_INVALID_ARGUMENT);
  CHECK(std::string(why.text).find("'abacus'") != std::string::npos);
}

}  // namespace linnet
