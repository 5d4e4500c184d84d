#include <algorithm>

#include "platforms/java/native/border.h"

namespace linnet::java {
namespace {

bool register_methods(JNIEnv* env, jclass native) {
  const std::span<const JNINativeMethod> subjects[] = {model_methods(), session_methods(),
                                                       text_methods()};
  return std::all_of(std::begin(subjects), std::end(subjects), [&](const auto& methods) {
    return env->RegisterNatives(native, methods.data(), static_cast<jint>(methods.size())) ==
           JNI_OK;
  });
}

}  // namespace
}  // namespace linnet::java

/// Called once, by System.loadLibrary. Binds everything here, so that a library that is not of the
/// same version as the classes fails at once and no name but this one need be seen.
extern "C" JNIEXPORT jint JNI_OnLoad(JavaVM* machine, void* /*reserved*/) {
  void* environment = nullptr;
  if (machine->GetEnv(&environment, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  auto* env = static_cast<JNIEnv*>(environment);
  jclass native = env->FindClass("org/linnet/Native");
  if (native == nullptr || !linnet::java::find_callbacks(env, native) ||
      !linnet::java::register_methods(env, native)) {
    return JNI_ERR;
  }
  return JNI_VERSION_1_6;
}
