#pragma once

#include <cstdint>
#include <string>

#include "tests/unit/temp_folder.h"

namespace linnet::test {

/// A safetensors file, whatever its header says.
inline std::string safetensors(const std::string& header, const std::string& data) {
  return bytes_of(uint64_t{header.size()}) + header + data;
}

/// A header entry: "name":{…}.
inline std::string header_entry(const std::string& name, const std::string& dtype,
                                const std::string& shape, const std::string& offsets) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + '}';
}

}  // namespace linnet::test
