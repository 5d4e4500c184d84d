#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "platforms/threads.h"

namespace linnet::platform {
namespace {

/// Waits until it can have the mutex.
void* pass(void* mutex) {
  pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
  pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex));
  return nullptr;
}

}  // namespace

bool can_start_threads(unsigned count) {
  pthread_t threads[256];
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  unsigned started = 0;
  pthread_mutex_lock(&mutex);  // so that all of them exist at once
  while (started < std::min<size_t>(count, std::size(threads)) &&
         pthread_create(&threads[started], nullptr, pass, &mutex) == 0) {
    ++started;
  }
  pthread_mutex_unlock(&mutex);
  for (unsigned i = 0; i < started; ++i) pthread_join(threads[i], nullptr);
  pthread_mutex_destroy(&mutex);
  return started == count;
}

}  // namespace linnet::platform
