#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "platforms/platform.h"

namespace linnet::platform {

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(partial_path_);
}

Status NewFile::fail(const char* action) const {
  return Status::error(LINNET_IO_ERROR, "%s: %s: %s", path_, action, std::strerror(errno));
}

Status NewFile::create(const char* path) {
  constexpr int most_attempts = 100;
  path_ = path;
  // A process that was killed may have left the same name behind.
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    const int length = std::snprintf(partial_path_, sizeof partial_path_, "%s.partial-%ld-%d", path,
                                     static_cast<long>(getpid()), attempt);
    if (length < 0 || static_cast<size_t>(length) >= sizeof partial_path_) {
      return Status::error(LINNET_IO_ERROR, "cannot be created: its path of %zu bytes is too long",
                           std::strlen(path));
    }
    descriptor_ = ::open(partial_path_, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || attempt == most_attempts)) {
      return fail("cannot be created");
    }
  }
  return Status::ok();
}

Status NewFile::write(const void* bytes, size_t size) {
  const auto* from = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t put = ::write(descriptor_, from, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail("cannot be written");
    from += put;
    size -= static_cast<size_t>(put);
  }
  return Status::ok();
}

Status NewFile::commit() {
  if (fsync(descriptor_) != 0) return fail("cannot be written to disk");
  if (std::rename(partial_path_, path_) != 0) return fail("cannot be put in place");
  // From here on the file is whole, so that the destructor has nothing to remove.
  return close(std::exchange(descriptor_, -1)) == 0 ? Status::ok() : fail("cannot be closed");
}

}  // namespace linnet::platform
