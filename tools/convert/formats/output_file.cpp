#include "tools/convert/formats/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/convert/formats/input_file.h"

namespace linnet::convert {
namespace {

constexpr size_t kBlockBytes = size_t{4} << 20;  // whole huge pages, at multiples of their size

/// The folder's entry is what makes a rename last; not every file system can sync one.
void sync_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path_, ignored)) fail_file(path_, "cannot write: is a folder");
  const std::string base = path_ + ".partial-" + std::to_string(::getpid());
  // A process that was killed may have left the same name behind.
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    partial_path_ = attempt == 0 ? base : base + "-" + std::to_string(attempt);
    descriptor_ = ::open(partial_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || attempt == 100)) fail("cannot create");
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(partial_path_.c_str());
}

void OutputFile::fail(const std::string& action) {
  fail_file(path_, action + ": " + std::strerror(errno));
}

void OutputFile::write_block() {
  for (std::span<const std::byte> left = block_; !left.empty();) {
    const ssize_t put = ::write(descriptor_, left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("cannot write");
    left = left.subspan(static_cast<size_t>(put));
  }
  block_.clear();
}

void OutputFile::write(std::span<const std::byte> bytes) {
  position_ += bytes.size();
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kBlockBytes - block_.size());
    block_.insert(block_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (block_.size() == kBlockBytes) write_block();
  }
}

void OutputFile::pad_to(uint64_t alignment) {
  static constexpr std::array<std::byte, 4096> kZeros = {};
  const uint64_t over = position_ % alignment;
  for (uint64_t left = over == 0 ? 0 : alignment - over; left > 0;) {
    const uint64_t piece = std::min<uint64_t>(left, kZeros.size());
    write(std::span(kZeros).first(piece));
    left -= piece;
  }
}

void OutputFile::commit() {
  write_block();
  if (::fsync(descriptor_) != 0) fail("cannot write to disk");
  if (std::rename(partial_path_.c_str(), path_.c_str()) != 0) fail("cannot put in place");
  // From here on the file is whole, so the destructor has nothing to remove.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot close");
  sync_folder_of(path_);
}

}  // namespace linnet::convert
