#pragma once

// Defines LINNET_SANITIZED where a sanitizer has memory of its own beside the program's. GCC and
// Clang say so in ways of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LINNET_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LINNET_SANITIZED
#endif
#endif
