#include <cstdint>
#include <memory>
#include <new>

#include "platforms/java/native/border.h"
#include "platforms/java/native/elements.h"

namespace linnet::java {
namespace {

using Floats = Elements<jfloatArray>;
using Ids = Elements<jintArray>;

linnet_session* session_of(jlong address) { return handle_of<linnet_session>(address); }

linnet_session_options options_of(jint threads, jint chunk, jint context, jboolean all_logits,
                                  jint beams) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = static_cast<uint32_t>(threads);
  options.chunk = static_cast<uint32_t>(chunk);
  options.context = static_cast<uint32_t>(context);
  options.all_logits = all_logits == JNI_TRUE;
  options.beams = static_cast<uint32_t>(beams);
  return options;
}

jlong JNICALL open_session(JNIEnv* env, jclass, jlong model, jint threads, jint chunk, jint context,
                           jboolean all_logits, jint beams) {
  const linnet_session_options options = options_of(threads, chunk, context, all_logits, beams);
  linnet_session* session = nullptr;
  linnet_message why;
  const linnet_status status =
      linnet_session_open(handle_of<linnet_model>(model), &options, nullptr, &session, &why);
  return check(env, status, why) ? address_of(session) : 0;
}

jlongArray JNICALL session_bytes(JNIEnv* env, jclass, jlong model, jint threads, jint chunk,
                                 jint context, jboolean all_logits, jint beams) {
  const linnet_session_options options = options_of(threads, chunk, context, all_logits, beams);
  linnet_memory memory = {};
  linnet_message why;
  const linnet_status status =
      linnet_session_bytes(handle_of<linnet_model>(model), &options, &memory, &why);
  if (!check(env, status, why)) return nullptr;
  const jlong bytes[] = {static_cast<jlong>(memory.state_bytes),
                         static_cast<jlong>(memory.arena_bytes),
                         static_cast<jlong>(memory.total_bytes)};
  jlongArray array = env->NewLongArray(3);
  if (array != nullptr) env->SetLongArrayRegion(array, 0, 3, bytes);
  return array;
}

void JNICALL close_session(JNIEnv*, jclass, jlong session) {
  linnet_session_close(session_of(session));
}

jlong JNICALL fork(JNIEnv* env, jclass, jlong session) {
  linnet_session* other = nullptr;
  linnet_message why;
  const linnet_status status = linnet_session_fork(session_of(session), nullptr, &other, &why);
  return check(env, status, why) ? address_of(other) : 0;
}

void JNICALL cancel(JNIEnv*, jclass, jlong session) { linnet_session_cancel(session_of(session)); }

void JNICALL reset(JNIEnv*, jclass, jlong session) { linnet_session_reset(session_of(session)); }

jlong JNICALL position(JNIEnv*, jclass, jlong session) {
  return static_cast<jlong>(linnet_session_position(session_of(session)));
}

void JNICALL run(JNIEnv* env, jclass, jlong address, jintArray tokens, jfloatArray logits,
                 jobject progress) {
  linnet_session* session = session_of(address);
  const Ids ids(env, tokens, Ids::Use::read);
  if (!ids.ok()) return;
  const Floats rows(env, logits, Floats::Use::write);
  if (!rows.ok()) return;
  Callback callback = {env, progress};
  linnet_message why;
  linnet_session_on_progress(session, progress != nullptr ? on_run_progress : nullptr, &callback);
  const linnet_status status = linnet_run(session, ids.data(), ids.size(), rows.data(), &why);
  linnet_session_on_progress(session, nullptr, nullptr);
  check(env, status, why);
}

void JNICALL encode(JNIEnv* env, jclass, jlong session, jintArray ids, jintArray types,
                    jintArray lengths) {
  const Ids tokens(env, ids, Ids::Use::read);
  if (!tokens.ok()) return;
  const Ids token_types(env, types, Ids::Use::read);
  if (!token_types.ok()) return;
  const Ids sizes(env, lengths, Ids::Use::read);
  if (!sizes.ok()) return;
  const std::unique_ptr<size_t[]> counts(new (std::nothrow) size_t[sizes.size()]);
  if (counts == nullptr) return throw_out_of_memory(env);
  for (size_t i = 0; i < sizes.size(); ++i) counts[i] = static_cast<size_t>(sizes.data()[i]);
  const linnet_texts texts = {.tokens = tokens.data(),
                              .token_types = token_types.data(),
                              .mask = nullptr,
                              .lengths = counts.get(),
                              .count = sizes.size()};
  linnet_message why;
  check(env, linnet_encode(session_of(session), &texts, &why), why);
}

/// Returns false with an exception pending.
bool find_output(JNIEnv* env, jlong session, jint index, linnet_output* out) {
  linnet_message why;
  // A negative index becomes one that is as much out of range.
  return check(
      env, linnet_session_output(session_of(session), static_cast<size_t>(index), out, &why), why);
}

jbyteArray JNICALL output_name(JNIEnv* env, jclass, jlong session, jint index, jlongArray shape) {
  linnet_output output;
  if (!find_output(env, session, index, &output)) return nullptr;
  const jlong numbers[] = {static_cast<jlong>(output.rows), static_cast<jlong>(output.per_text)};
  env->SetLongArrayRegion(shape, 0, 2, numbers);
  return bytes_of(env, output.name);
}

jfloatArray JNICALL output_values(JNIEnv* env, jclass, jlong session, jint index) {
  linnet_output output;
  if (!find_output(env, session, index, &output)) return nullptr;
  const auto count = static_cast<jsize>(output.rows * output.columns);
  jfloatArray values = env->NewFloatArray(count);
  if (values != nullptr) env->SetFloatArrayRegion(values, 0, count, output.values);
  return values;
}

jlong JNICALL state_bytes(JNIEnv*, jclass, jlong session) {
  return static_cast<jlong>(linnet_state_bytes(session_of(session)));
}

void JNICALL save_state(JNIEnv* env, jclass, jlong session, jbyteArray state) {
  const Text bytes(env, state, Text::Use::write);
  linnet_message why;
  if (bytes.ok()) {
    check(env, linnet_state_save(session_of(session), bytes.data(), bytes.size(), &why), why);
  }
}

void JNICALL load_state(JNIEnv* env, jclass, jlong session, jbyteArray state) {
  const Text bytes(env, state, Text::Use::read);
  linnet_message why;
  if (bytes.ok()) {
    check(env, linnet_state_load(session_of(session), bytes.data(), bytes.size(), &why), why);
  }
}

}  // namespace

std::span<const JNINativeMethod> session_methods() {
  static const JNINativeMethod methods[] = {
      method("openSession", "(JIIIZI)J", reinterpret_cast<void*>(open_session)),
      method("sessionBytes", "(JIIIZI)[J", reinterpret_cast<void*>(session_bytes)),
      method("closeSession", "(J)V", reinterpret_cast<void*>(close_session)),
      method("fork", "(J)J", reinterpret_cast<void*>(fork)),
      method("cancel", "(J)V", reinterpret_cast<void*>(cancel)),
      method("reset", "(J)V", reinterpret_cast<void*>(reset)),
      method("position", "(J)J", reinterpret_cast<void*>(position)),
      method("run", "(J[I[FLorg/linnet/RunProgress;)V", reinterpret_cast<void*>(run)),
      method("encode", "(J[I[I[I)V", reinterpret_cast<void*>(encode)),
      method("outputName", "(JI[J)[B", reinterpret_cast<void*>(output_name)),
      method("outputValues", "(JI)[F", reinterpret_cast<void*>(output_values)),
      method("stateBytes", "(J)J", reinterpret_cast<void*>(state_bytes)),
      method("saveState", "(J[B)V", reinterpret_cast<void*>(save_state)),
      method("loadState", "(J[B)V", reinterpret_cast<void*>(load_state)),
  };
  return methods;
}

}  // namespace linnet::java
