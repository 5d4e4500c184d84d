#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace linnet::test {

/// A folder for one test's files, removed with it.
class TempFolder {
 public:
  TempFolder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("linnet-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path() const { return path_.string(); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

  /// Writes a file and gives its path.
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream stream(file(name), std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The message of the std::runtime_error that `call` throws; "" where it throws none.
template <typename Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

/// The object's bytes, little-endian as every checkpoint has them.
template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename Container>
std::string bytes_of_all(const Container& values) {
  std::string bytes;
  for (const auto& value : values) bytes += bytes_of(value);
  return bytes;
}

}  // namespace linnet::test

/// Checks that `call` throws std::runtime_error with `part` in its message.
#define CHECK_FAILS_WITH(call, part)                                       \
  do {                                                                     \
    const std::string message = linnet::test::message_of([&] { (call); }); \
    INFO(message);                                                         \
    CHECK(message.find(part) != std::string::npos);                        \
  } while (false)
