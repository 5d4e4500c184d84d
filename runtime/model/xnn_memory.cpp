#include "runtime/model/xnn_memory.h"

#include <xnnpack.h>

#include "runtime/base/memory.h"

namespace linnet {
namespace {

// XNNPACK has one allocator for the whole process, and keeps the pointer.
const xnn_allocator allocator = {
    .context = nullptr,
    .allocate = [](void*, size_t bytes) { return allocate_memory(bytes); },
    .reallocate = [](void*, void* memory, size_t bytes) { return resize_memory(memory, bytes); },
    .deallocate = [](void*, void* memory) { release_memory(memory); },
    .aligned_allocate = [](void*, size_t alignment,
                           size_t bytes) { return allocate_memory(bytes, alignment); },
    .aligned_deallocate = [](void*, void* memory) { release_memory(memory); }};

}  // namespace

Status initialize_xnnpack() {
  if (xnn_initialize(&allocator) == xnn_status_success) return Status::ok();
  return Status::error(LINNET_UNSUPPORTED, "XNNPACK has no kernels for this processor");
}

}  // namespace linnet
