#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "platforms/platform.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace linnet::platform {
namespace {

linnet_status status_of_failed_mapping(int error) {
  return error == ENOMEM ? LINNET_OUT_OF_MEMORY : LINNET_IO_ERROR;
}

}  // namespace

FileMapping::FileMapping(FileMapping&& other) noexcept { *this = std::move(other); }

FileMapping& FileMapping::operator=(FileMapping&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(mapped_, other.mapped_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FileMapping::~FileMapping() {
  if (base_ != nullptr) munmap(base_, mapped_);
}

Status FileMapping::open(const char* path, FileMapping* out) {
  const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return Status::error(LINNET_IO_ERROR, "%s: cannot be opened: %s", path, std::strerror(errno));
  }
  const Status status = open(descriptor, 0, 0, out);
  close(descriptor);
  return status.failed() ? status.within("%s: ", path) : status;
}

Status FileMapping::open(int descriptor, uint64_t offset, uint64_t size, FileMapping* out) {
  struct stat information = {};
  if (fstat(descriptor, &information) != 0) {
    return Status::error(LINNET_IO_ERROR, "cannot be examined: %s", std::strerror(errno));
  }
  if (!S_ISREG(information.st_mode)) return Status::error(LINNET_IO_ERROR, "is not a regular file");
  const auto file_bytes = static_cast<uint64_t>(information.st_size);
  if (offset > file_bytes || size > file_bytes - offset) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "bytes %" PRIu64 " + %" PRIu64 " asked for, but the file has %" PRIu64,
                         offset, size, file_bytes);
  }
  if (offset % mapping_alignment != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "offset %" PRIu64 " is not a multiple of %zu",
                         offset, mapping_alignment);
  }
  if (size == 0) size = file_bytes - offset;
  if (size == 0) return Status::error(LINNET_INVALID_MODEL, "is empty");
  if (size > SIZE_MAX - page_bytes()) {
    return Status::error(LINNET_OUT_OF_MEMORY, "does not fit this machine's address space");
  }
  const uint64_t lead = offset % page_bytes();
  const auto mapped = static_cast<size_t>(size + lead);
  void* base =
      mmap(nullptr, mapped, PROT_READ, MAP_SHARED, descriptor, static_cast<off_t>(offset - lead));
  if (base == MAP_FAILED) {
    return Status::error(status_of_failed_mapping(errno), "cannot be mapped: %s",
                         std::strerror(errno));
  }
  FileMapping mapping;
  mapping.base_ = base;
  mapping.mapped_ = mapped;
  mapping.data_ = static_cast<const std::byte*>(base) + lead;
  mapping.size_ = static_cast<size_t>(size);
  // To touch a page behind a file's end is fatal: what can still be told politely is told here.
  if (fstat(descriptor, &information) != 0 ||
      static_cast<uint64_t>(information.st_size) < offset + size) {
    return Status::error(LINNET_IO_ERROR, "became shorter while it was being opened");
  }
  *out = std::move(mapping);
  return Status::ok();
}

void FileMapping::expect(const void* first, size_t bytes) const {
  // Outwards to pages, so that what is asked for neighbours joins up.
  const auto offset = static_cast<size_t>(static_cast<const std::byte*>(first) -
                                          static_cast<const std::byte*>(base_));
  const size_t begin = offset / page_bytes() * page_bytes();
  expect_pages(static_cast<std::byte*>(base_) + begin, offset + bytes - begin);
}

void FileMapping::give_back(const void* first, size_t bytes) const {
  const auto page = static_cast<uintptr_t>(page_bytes());
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(first) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(first) + bytes) / page * page;
  const auto base = reinterpret_cast<uintptr_t>(base_);
  if (begin >= end || begin < base || end > base + mapped_) return;
  // Only advice: a failure leaves the pages where they are.
  madvise(static_cast<std::byte*>(base_) + (begin - base), end - begin, MADV_DONTNEED);
}

void* allocate_pages(size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

void expect_pages(void* first, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  // Only advice: where there are no huge pages, small ones serve.
  madvise(first, bytes, MADV_HUGEPAGE);
#else
  static_cast<void>(first);
  static_cast<void>(bytes);
#endif
}

void release_pages(void* pages, size_t bytes) {
  if (pages != nullptr) munmap(pages, bytes);
}

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

#if defined(__linux__)
namespace {

/// How much work a processor does, by what the kernel says of it: a capacity relative to the
/// largest (Arm), or its highest frequency. 0: it says nothing.
unsigned long speed_of(int processor) {
  for (const char* file : {"cpu_capacity", "cpufreq/cpuinfo_max_freq"}) {
    char path[96];
    std::snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", processor, file);
    const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) continue;
    char text[32] = {};
    const ssize_t bytes = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (bytes > 0) return std::strtoul(text, nullptr, 10);
  }
  return 0;
}

}  // namespace

unsigned fast_processor_count() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return processor_count();
  unsigned long speeds[CPU_SETSIZE] = {};
  unsigned long fastest = 0;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &allowed)) speeds[i] = speed_of(i);
    fastest = std::max(fastest, speeds[i]);
  }
  // Waiting for a core of less than half the speed costs more than its help is worth. Where nothing
  // is said, all are alike.
  unsigned count = 0;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &allowed) && 2 * speeds[i] >= fastest) ++count;
  }
  return std::max(count, 1U);
}
#else
unsigned fast_processor_count() { return processor_count(); }
#endif

unsigned processor_count() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return static_cast<unsigned>(CPU_COUNT(&allowed));
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<unsigned>(online) : 1;
}

}  // namespace linnet::platform
