#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace linnet::convert {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  void update(std::span<const std::byte> bytes);

  /// The digest of all bytes so far; call once, last.
  Digest finish();

 private:
  void process(const std::byte* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_ = {};
  uint64_t total_ = 0;
};

/// "ba7816bf…"
std::string hex(std::span<const uint8_t> bytes);

/// The digest of the files' contents one after another, read in small pieces.
Sha256::Digest sha256_of_files(const std::vector<std::string>& paths);

}  // namespace linnet::convert
