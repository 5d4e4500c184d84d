#include "tools/linnet/process_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace linnet::cli {
namespace {

/// Reads a line such as "Anonymous:   1234 kB"; false if it is about something else.
bool read_kilobytes(const std::string& line, std::string_view key, uint64_t* bytes) {
  if (line.compare(0, key.size(), key) != 0 || line[key.size()] != ':') return false;
  *bytes = std::strtoull(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
  return true;
}

std::optional<ProcessMemory> read_process_memory(const char* path, std::string_view resident,
                                                 std::string_view anonymous) {
  std::ifstream file(path);
  ProcessMemory memory;
  bool resident_found = false;
  bool anonymous_found = false;
  for (std::string line; std::getline(file, line);) {
    resident_found |= read_kilobytes(line, resident, &memory.resident_bytes);
    anonymous_found |= read_kilobytes(line, anonymous, &memory.private_bytes);
  }
  if (!resident_found || !anonymous_found) return std::nullopt;
  return memory;
}

/// Whether a line of smaps starts a mapping, as in "7f0a…-7f0b… r--p … /path": its figures, which
/// follow, start with a capital letter.
bool starts_mapping(const std::string& line) {
  return !line.empty() && (line[0] < 'A' || line[0] > 'Z');
}

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

std::optional<ProcessMemory> process_memory() {
  if (auto memory = read_process_memory("/proc/self/smaps_rollup", "Rss", "Anonymous")) {
    return memory;
  }
  return read_process_memory("/proc/self/status", "VmRSS", "RssAnon");
}

std::optional<MappedFile> mapped_file(const std::string& path) {
  std::ifstream file("/proc/self/smaps");
  if (!file) return std::nullopt;
  std::error_code error;
  const std::string name = std::filesystem::canonical(path, error).string();
  if (error) return std::nullopt;
  MappedFile result;
  bool ours = false;
  for (std::string line; std::getline(file, line);) {
    uint64_t bytes = 0;
    if (starts_mapping(line)) ours = line.ends_with(" " + name);
    if (ours && read_kilobytes(line, "Size", &bytes)) result.mapped_bytes += bytes;
    if (ours && read_kilobytes(line, "Rss", &bytes)) result.resident_bytes += bytes;
  }
  return result;
}

std::optional<uint64_t> private_mapping_bytes() {
#if defined(__GLIBC__)
  std::ifstream file("/proc/self/smaps");
  if (!file) return std::nullopt;
  uint64_t total = 0;
  bool anonymous = false;
  for (std::string line; std::getline(file, line);) {
    uint64_t bytes = 0;
    if (starts_mapping(line)) anonymous = line.find_first_of("/[") == std::string::npos;
    if (anonymous && read_kilobytes(line, "Anonymous", &bytes)) total += bytes;
  }
  return total - std::min<uint64_t>(total, mallinfo2().hblkhd);
#else
  return std::nullopt;
#endif
}

void release_free_heap() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

CountedPages::CountedPages(size_t bytes) {
  const size_t page = page_bytes();
  size_ = std::max(page, (bytes + page - 1) / page * page);
  data_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data_ == MAP_FAILED) {
    throw std::runtime_error("no memory for a session of " + std::to_string(size_) + " bytes");
  }
#if defined(MADV_NOHUGEPAGE)
  madvise(data_, size_, MADV_NOHUGEPAGE);  // a page in use counts as that page alone
#endif
}

CountedPages::~CountedPages() { munmap(data_, size_); }

std::optional<uint64_t> CountedPages::bytes_in_use() const {
#if defined(__linux__)
  const size_t page = page_bytes();
  std::vector<unsigned char> pages(size_ / page);
  if (mincore(data_, size_, pages.data()) != 0) return std::nullopt;
  const auto used = std::count_if(pages.begin(), pages.end(), [](auto p) { return (p & 1) != 0; });
  return static_cast<uint64_t>(used) * page;
#else
  return std::nullopt;
#endif
}

}  // namespace linnet::cli
