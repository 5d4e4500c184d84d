#include "tools/linnet/input_text.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace linnet::cli {
namespace {

std::string read_all(std::FILE* file, const std::string& name) {
  std::string result;
  std::array<char, 65536> piece;
  while (const size_t size = std::fread(piece.data(), 1, piece.size(), file)) {
    result.append(piece.data(), size);
  }
  if (std::ferror(file) != 0) {
    throw std::runtime_error(name + ": " + std::strerror(errno));
  }
  return result;
}

}  // namespace

std::string read_standard_input() { return read_all(stdin, "standard input"); }

std::string read_text_file(const std::string& path) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) throw std::runtime_error(path + ": " + std::strerror(errno));
  return read_all(file.get(), path);
}

}  // namespace linnet::cli
