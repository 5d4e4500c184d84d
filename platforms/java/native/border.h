#pragma once

#include <jni.h>
#include <linnet/linnet.h>

#include <cstdint>
#include <span>

// What all functions of org.linnet.Native have in common: how they fail, how they reach into Java's
// arrays, and how C callbacks reach Java's.

namespace linnet::java {

/// One function of org.linnet.Native.
JNINativeMethod method(const char* name, const char* signature, void* function);

// The functions, by subject.
std::span<const JNINativeMethod> model_methods();
std::span<const JNINativeMethod> session_methods();
std::span<const JNINativeMethod> text_methods();

/// Finds what native code calls of org.linnet.Native. Returns false with an exception pending.
bool find_callbacks(JNIEnv* env, jclass native);

/// Throws a LinnetException for a status that is not LINNET_OK, unless the call failed because a
/// callback threw: then that exception is pending already. Returns whether the call succeeded.
bool check(JNIEnv* env, linnet_status status, const linnet_message& why);

/// Throws a LinnetException for memory that native code could not get.
void throw_out_of_memory(JNIEnv* env);

/// A new byte[]; null with an exception pending.
jbyteArray new_bytes(JNIEnv* env, const char* bytes, size_t size);

/// The same of a C string.
jbyteArray bytes_of(JNIEnv* env, const char* text);

template <typename Handle>
Handle* handle_of(jlong address) {
  return reinterpret_cast<Handle*>(static_cast<intptr_t>(address));
}

template <typename Handle>
jlong address_of(const Handle* handle) {
  return static_cast<jlong>(reinterpret_cast<intptr_t>(handle));
}

/// A Java callback and the thread that it may be called on, as the context of C's. An exception
/// that it throws stops the call, and stays pending until the native function returns.
struct Callback {
  JNIEnv* env;
  jobject object;  // null: there is none
};

bool on_text(const char* text, size_t size, void* callback);
bool on_progress(float done, void* callback);
bool on_run_progress(size_t done, size_t total, void* callback);

}  // namespace linnet::java
