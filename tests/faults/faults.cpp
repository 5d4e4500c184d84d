#include "tests/faults/faults.h"

#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <utility>

// The linker's --wrap gives every call of these in what is linked statically, XNNPACK and
// pthreadpool included, to the functions below, under sanitizers too. The C++ library's own are not
// among them: the runtime uses none of it that allocates.
extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void* __real_aligned_alloc(size_t alignment, size_t size);
void* __real_memalign(size_t alignment, size_t size);
int __real_posix_memalign(void** out, size_t alignment, size_t size);
void __real_free(void* memory);
// What calls of mmap become with file offsets of 64 bits, which linnet_rules asks for.
void* __real_mmap64(void* address, size_t size, int protection, int flags, int file, off_t offset);
void* __real_mmap(void* address, size_t size, int protection, int flags, int file, long offset);
int __real_munmap(void* address, size_t size);
void* real_nothrow_new(size_t size,
                       const std::nothrow_t& tag) __asm__("__real_" LINNET_NOTHROW_NEW);
void* wrap_nothrow_new(size_t size,
                       const std::nothrow_t& tag) __asm__("__wrap_" LINNET_NOTHROW_NEW);
int __real_pthread_create(pthread_t* out, const pthread_attr_t* attributes, void* (*run)(void*),
                          void* context);
}

namespace linnet::faults {
namespace {

struct Watched {
  std::atomic<bool> is_on = false;
  std::mutex mutex;  // a session prepares its operators on all of its threads
  Fault fault = Fault::none;
  size_t at = 0;
  Requests requests;
};

Watched watched;
int failing_thread = -1;
std::function<void()> mapping_act;

/// Counts a request; false: it is to fail.
bool allow(size_t bytes) {
  if (!watched.is_on) return true;
  const std::lock_guard lock(watched.mutex);
  Requests& requests = watched.requests;
  requests.bytes += bytes;
  const size_t number = requests.count++;
  const bool fails = (watched.fault == Fault::once && number == watched.at) ||
                     (watched.fault == Fault::onwards && number >= watched.at);
  requests.has_failed = requests.has_failed || fails;
  return !fails;
}

void* given(void* memory) {
  if (!watched.is_on || memory == nullptr) return memory;
  const std::lock_guard lock(watched.mutex);
  ++watched.requests.live;
  return memory;
}

void taken_back() {
  if (!watched.is_on) return;
  const std::lock_guard lock(watched.mutex);
  --watched.requests.live;
}

void* refused() {
  errno = ENOMEM;
  return nullptr;
}

/// `map()`, which maps a file or `size` bytes of memory.
template <typename Map>
void* mapped(size_t size, int flags, Map&& map) {
  const bool is_file = (flags & MAP_ANONYMOUS) == 0;
  if (is_file && mapping_act != nullptr) std::exchange(mapping_act, nullptr)();
  if (!allow(is_file ? 0 : size)) {
    refused();
    return MAP_FAILED;
  }
  void* pages = map();
  if (pages != MAP_FAILED) given(pages);
  return pages;
}

}  // namespace

Watch::Watch(Fault fault, size_t at) {
  watched.fault = fault;
  watched.at = at;
  watched.requests = {};
  watched.is_on = true;
}

Watch::~Watch() { watched.is_on = false; }

const Requests& Watch::requests() const { return watched.requests; }

void fail_thread(int at) { failing_thread = at; }

void before_next_file_mapping(std::function<void()> act) { mapping_act = std::move(act); }

}  // namespace linnet::faults

using linnet::faults::allow;
using linnet::faults::given;
using linnet::faults::mapped;
using linnet::faults::refused;
using linnet::faults::taken_back;

extern "C" {

void* __wrap_malloc(size_t size) { return allow(size) ? given(__real_malloc(size)) : refused(); }

void* __wrap_calloc(size_t count, size_t size) {
  return allow(count * size) ? given(__real_calloc(count, size)) : refused();
}

void* __wrap_realloc(void* memory, size_t size) {
  if (!allow(size)) return refused();
  void* moved = __real_realloc(memory, size);
  return memory == nullptr ? given(moved) : moved;
}

void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  return allow(size) ? given(__real_aligned_alloc(alignment, size)) : refused();
}

void* __wrap_memalign(size_t alignment, size_t size) {
  return allow(size) ? given(__real_memalign(alignment, size)) : refused();
}

int __wrap_posix_memalign(void** out, size_t alignment, size_t size) {
  if (!allow(size)) return ENOMEM;
  const int failed = __real_posix_memalign(out, alignment, size);
  if (failed == 0) given(*out);
  return failed;
}

void __wrap_free(void* memory) {
  if (memory != nullptr) taken_back();
  __real_free(memory);
}

void* __wrap_mmap64(void* address, size_t size, int protection, int flags, int file, off_t offset) {
  return mapped(size, flags,
                [&] { return __real_mmap64(address, size, protection, flags, file, offset); });
}

void* __wrap_mmap(void* address, size_t size, int protection, int flags, int file, long offset) {
  return mapped(size, flags,
                [&] { return __real_mmap(address, size, protection, flags, file, offset); });
}

int __wrap_munmap(void* address, size_t size) {
  taken_back();
  return __real_munmap(address, size);
}

void* wrap_nothrow_new(size_t size, const std::nothrow_t& tag) {
  return allow(size) ? real_nothrow_new(size, tag) : nullptr;
}

int __wrap_pthread_create(pthread_t* out, const pthread_attr_t* attributes, void* (*run)(void*),
                          void* context) {
  if (linnet::faults::failing_thread >= 0 && linnet::faults::failing_thread-- == 0) return EAGAIN;
  return __real_pthread_create(out, attributes, run, context);
}

}  // extern "C"
