#include <cstdint>

#include "platforms/java/native/border.h"
#include "platforms/java/native/elements.h"

namespace linnet::java {
namespace {

using Use = Elements<jbyteArray>::Use;

linnet_model_options options_with(Callback* callback) {
  linnet_model_options options = linnet_model_options_defaults();
  if (callback->object != nullptr) {
    options.progress = on_progress;
    options.progress_context = callback;
  }
  return options;
}

jbyteArray JNICALL version(JNIEnv* env, jclass) { return bytes_of(env, linnet_version()); }

jlong JNICALL open_path(JNIEnv* env, jclass, jbyteArray path, jobject progress) {
  Callback callback = {env, progress};
  const linnet_model_options options = options_with(&callback);
  const Text terminated(env, path, Use::read);
  linnet_model* model = nullptr;
  linnet_message why;
  if (!terminated.ok() ||
      !check(env, linnet_model_open(terminated.chars(), &options, &model, &why), why)) {
    return 0;
  }
  return address_of(model);
}

jlong JNICALL open_descriptor(JNIEnv* env, jclass, jint descriptor, jlong offset, jlong size,
                              jobject progress) {
  Callback callback = {env, progress};
  const linnet_model_options options = options_with(&callback);
  linnet_model* model = nullptr;
  linnet_message why;
  const linnet_status status =
      linnet_model_open_fd(descriptor, static_cast<uint64_t>(offset), static_cast<uint64_t>(size),
                           &options, &model, &why);
  return check(env, status, why) ? address_of(model) : 0;
}

jlong JNICALL borrow(JNIEnv* env, jclass, jobject bytes, jint position, jint size,
                     jobject progress) {
  Callback callback = {env, progress};
  const linnet_model_options options = options_with(&callback);
  const auto* begin = static_cast<const char*>(env->GetDirectBufferAddress(bytes));
  linnet_model* model = nullptr;
  linnet_message why;
  const linnet_status status =
      linnet_model_borrow(begin == nullptr ? nullptr : begin + position, static_cast<size_t>(size),
                          &options, &model, &why);
  return check(env, status, why) ? address_of(model) : 0;
}

jint JNICALL bytes_to_alignment(JNIEnv* env, jclass, jobject bytes, jint alignment) {
  const auto begin = reinterpret_cast<uintptr_t>(env->GetDirectBufferAddress(bytes));
  const auto unit = static_cast<uintptr_t>(alignment);
  return static_cast<jint>((unit - begin % unit) % unit);
}

void JNICALL close_model(JNIEnv*, jclass, jlong model) {
  linnet_model_close(handle_of<linnet_model>(model));
}

linnet_model_info info_of(jlong model) {
  linnet_model_info info;
  linnet_model_describe(handle_of<linnet_model>(model), &info);
  return info;
}

jobjectArray JNICALL model_texts(JNIEnv* env, jclass, jlong model) {
  const linnet_model_info info = info_of(model);
  const char* const own[] = {info.name, info.architecture, info.source, info.license, info.weights};
  constexpr jsize own_count = sizeof own / sizeof own[0];
  jclass byte_array = env->FindClass("[B");
  if (byte_array == nullptr) return nullptr;
  const jsize count = own_count + static_cast<jsize>(info.labels);
  jobjectArray texts = env->NewObjectArray(count, byte_array, nullptr);
  for (jsize i = 0; texts != nullptr && i < count; ++i) {
    const auto* text = i < own_count ? own[i]
                                     : linnet_model_label(handle_of<linnet_model>(model),
                                                          static_cast<size_t>(i - own_count));
    jbyteArray bytes = bytes_of(env, text);
    if (bytes == nullptr) return nullptr;
    env->SetObjectArrayElement(texts, i, bytes);
    env->DeleteLocalRef(bytes);
  }
  return texts;
}

jlongArray JNICALL model_numbers(JNIEnv* env, jclass, jlong model) {
  const linnet_model_info info = info_of(model);
  const jlong numbers[] = {info.vocabulary,
                           info.context,
                           static_cast<jlong>(info.has_tokenizer),
                           static_cast<jlong>(info.has_context_limit),
                           static_cast<jlong>(info.has_decoder),
                           static_cast<jlong>(info.has_encoder),
                           info.positions,
                           info.source_positions,
                           info.encoder_outputs,
                           static_cast<jlong>(info.file_bytes),
                           static_cast<jlong>(info.packed_bytes)};
  constexpr jsize count = sizeof numbers / sizeof numbers[0];
  jlongArray array = env->NewLongArray(count);
  if (array != nullptr) env->SetLongArrayRegion(array, 0, count, numbers);
  return array;
}

void JNICALL label_scores(JNIEnv* env, jclass, jlong model, jfloatArray logits,
                          jfloatArray scores) {
  const Elements<jfloatArray> from(env, logits, Elements<jfloatArray>::Use::read);
  if (!from.ok()) return;
  const Elements<jfloatArray> to(env, scores, Elements<jfloatArray>::Use::write);
  if (to.ok()) {
    linnet_model_label_scores(handle_of<linnet_model>(model), from.data(), to.data());
  }
}

}  // namespace

std::span<const JNINativeMethod> model_methods() {
  static const JNINativeMethod methods[] = {
      method("version", "()[B", reinterpret_cast<void*>(version)),
      method("openPath", "([BLorg/linnet/Progress;)J", reinterpret_cast<void*>(open_path)),
      method("openDescriptor", "(IJJLorg/linnet/Progress;)J",
             reinterpret_cast<void*>(open_descriptor)),
      method("borrow", "(Ljava/nio/ByteBuffer;IILorg/linnet/Progress;)J",
             reinterpret_cast<void*>(borrow)),
      method("bytesToAlignment", "(Ljava/nio/ByteBuffer;I)I",
             reinterpret_cast<void*>(bytes_to_alignment)),
      method("closeModel", "(J)V", reinterpret_cast<void*>(close_model)),
      method("modelTexts", "(J)[[B", reinterpret_cast<void*>(model_texts)),
      method("modelNumbers", "(J)[J", reinterpret_cast<void*>(model_numbers)),
      method("labelScores", "(J[F[F)V", reinterpret_cast<void*>(label_scores)),
  };
  return methods;
}

}  // namespace linnet::java
