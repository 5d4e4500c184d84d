#pragma once

#include <string>

namespace linnet::cli {

/// All of standard input, byte for byte. Throws std::runtime_error when it cannot be read.
std::string read_standard_input();

/// All of a file, byte for byte. Throws std::runtime_error that names it.
std::string read_text_file(const std::string& path);

}  // namespace linnet::cli
