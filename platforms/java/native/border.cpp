#include "platforms/java/native/border.h"

#include <cstring>

namespace linnet::java {
namespace {

/// What native code calls. Found once: classes that are loaded stay, and these are the same on
/// every thread.
struct Callbacks {
  jclass native = nullptr;
  jmethodID failure = nullptr;
  jmethodID on_text = nullptr;
  jmethodID on_progress = nullptr;
  jmethodID on_run_progress = nullptr;
};

Callbacks callbacks;

void throw_failure(JNIEnv* env, linnet_status status, const char* message) {
  jbyteArray bytes = bytes_of(env, message);
  if (bytes == nullptr) return;
  auto* failure = static_cast<jthrowable>(env->CallStaticObjectMethod(
      callbacks.native, callbacks.failure, static_cast<jint>(status), bytes));
  if (!env->ExceptionCheck()) env->Throw(failure);
  env->DeleteLocalRef(bytes);
}

/// What Java answered; an exception means to stop.
bool goes_on(JNIEnv* env, jboolean answer) {
  return env->ExceptionCheck() == JNI_FALSE && answer == JNI_TRUE;
}

}  // namespace

JNINativeMethod method(const char* name, const char* signature, void* function) {
  // The JDK's structure has pointers to char, although nobody writes there.
  return {const_cast<char*>(name), const_cast<char*>(signature), function};
}

bool find_callbacks(JNIEnv* env, jclass native) {
  callbacks.native = static_cast<jclass>(env->NewGlobalRef(native));
  const auto find = [&](const char* name, const char* signature) {
    return env->ExceptionCheck() == JNI_TRUE ? nullptr
                                             : env->GetStaticMethodID(native, name, signature);
  };
  callbacks.failure = find("failure", "(I[B)Lorg/linnet/LinnetException;");
  callbacks.on_text = find("onText", "(Lorg/linnet/TextCallback;[B)Z");
  callbacks.on_progress = find("onProgress", "(Lorg/linnet/Progress;F)Z");
  callbacks.on_run_progress = find("onRunProgress", "(Lorg/linnet/RunProgress;JJ)Z");
  return env->ExceptionCheck() == JNI_FALSE;
}

bool check(JNIEnv* env, linnet_status status, const linnet_message& why) {
  if (env->ExceptionCheck() == JNI_TRUE) return false;
  if (status != LINNET_OK) throw_failure(env, status, why.text);
  return status == LINNET_OK;
}

void throw_out_of_memory(JNIEnv* env) {
  throw_failure(env, LINNET_OUT_OF_MEMORY, "no memory to pass arguments on");
}

jbyteArray new_bytes(JNIEnv* env, const char* bytes, size_t size) {
  const auto count = static_cast<jsize>(size);
  jbyteArray array = env->NewByteArray(count);
  if (array != nullptr)
    env->SetByteArrayRegion(array, 0, count, reinterpret_cast<const jbyte*>(bytes));
  return array;
}

jbyteArray bytes_of(JNIEnv* env, const char* text) {
  return new_bytes(env, text, std::strlen(text));
}

bool on_text(const char* text, size_t size, void* callback) {
  const auto& [env, object] = *static_cast<const Callback*>(callback);
  if (env->ExceptionCheck() == JNI_TRUE) return false;
  // A text may have any number of pieces, and a native function only so many local references.
  jbyteArray bytes = new_bytes(env, text, size);
  if (bytes == nullptr) return false;
  const jboolean answer =
      env->CallStaticBooleanMethod(callbacks.native, callbacks.on_text, object, bytes);
  env->DeleteLocalRef(bytes);
  return goes_on(env, answer);
}

bool on_progress(float done, void* callback) {
  const auto& [env, object] = *static_cast<const Callback*>(callback);
  if (env->ExceptionCheck() == JNI_TRUE) return false;
  return goes_on(env, env->CallStaticBooleanMethod(callbacks.native, callbacks.on_progress, object,
                                                   static_cast<jfloat>(done)));
}

bool on_run_progress(size_t done, size_t total, void* callback) {
  const auto& [env, object] = *static_cast<const Callback*>(callback);
  if (env->ExceptionCheck() == JNI_TRUE) return false;
  return goes_on(env,
                 env->CallStaticBooleanMethod(callbacks.native, callbacks.on_run_progress, object,
                                              static_cast<jlong>(done), static_cast<jlong>(total)));
}

}  // namespace linnet::java
