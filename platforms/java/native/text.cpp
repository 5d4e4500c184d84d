#include <algorithm>
#include <cstdint>

#include "platforms/java/native/border.h"
#include "platforms/java/native/elements.h"

namespace linnet::java {
namespace {

using Ids = Elements<jintArray>;

jint JNICALL tokenize(JNIEnv* env, jclass, jlong model, jbyteArray text, jboolean special_tokens,
                      jintArray ids) {
  const Text from(env, text, Text::Use::read);
  if (!from.ok()) return 0;
  const Ids to(env, ids, Ids::Use::write);
  if (!to.ok()) return 0;
  size_t count = 0;
  linnet_message why;
  const linnet_status status =
      linnet_tokenize(handle_of<linnet_model>(model), from.chars(), from.size(),
                      special_tokens == JNI_TRUE, to.data(), to.size(), &count, &why);
  return check(env, status, why) ? static_cast<jint>(count) : 0;
}

jint JNICALL tokenize_pair(JNIEnv* env, jclass, jlong model, jbyteArray first, jbyteArray second,
                           jboolean special_tokens, jintArray ids, jintArray types) {
  const Text text(env, first, Text::Use::read);
  if (!text.ok()) return 0;
  const Text other(env, second, Text::Use::read);
  if (!other.ok()) return 0;
  const Ids to_ids(env, ids, Ids::Use::write);
  if (!to_ids.ok()) return 0;
  const Ids to_types(env, types, Ids::Use::write);
  if (!to_types.ok()) return 0;
  size_t count = 0;
  linnet_message why;
  const linnet_status status = linnet_tokenize_pair(
      handle_of<linnet_model>(model), text.chars(), text.size(), other.chars(), other.size(),
      special_tokens == JNI_TRUE, to_ids.data(), to_types.data(), to_ids.size(), &count, &why);
  return check(env, status, why) ? static_cast<jint>(count) : 0;
}

jint JNICALL detokenize(JNIEnv* env, jclass, jlong model, jintArray ids, jboolean special_tokens,
                        jbyteArray text) {
  const Ids from(env, ids, Ids::Use::read);
  if (!from.ok()) return 0;
  const Text to(env, text, Text::Use::write);
  if (!to.ok()) return 0;
  size_t size = 0;
  linnet_message why;
  const linnet_status status =
      linnet_detokenize(handle_of<linnet_model>(model), from.data(), from.size(),
                        special_tokens == JNI_TRUE, to.chars(), to.size(), &size, &why);
  return check(env, status, why) ? static_cast<jint>(size) : 0;
}

void JNICALL generate_defaults(JNIEnv* env, jclass, jlong model, jlongArray integers,
                               jfloatArray fractions) {
  const auto defaults = linnet_generate_options_defaults(handle_of<linnet_model>(model));
  const jlong whole[] = {static_cast<jlong>(defaults.max_tokens), defaults.top_k};
  const jfloat parts[] = {defaults.temperature, defaults.top_p, defaults.min_p,
                          defaults.repetition_penalty};
  env->SetLongArrayRegion(integers, 0, 2, whole);
  if (env->ExceptionCheck() == JNI_FALSE) env->SetFloatArrayRegion(fractions, 0, 4, parts);
}

void JNICALL generate(JNIEnv* env, jclass, jlong model, jlong address, jbyteArray prompt,
                      jlong max_tokens, jfloat temperature, jint top_k, jfloat top_p, jfloat min_p,
                      jfloat repetition_penalty, jlong seed, jboolean ignore_end, jobject receiver,
                      jobject progress, jlongArray generated) {
  auto* session = handle_of<linnet_session>(address);
  auto options = linnet_generate_options_defaults(handle_of<linnet_model>(model));
  options.max_tokens =
      static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(max_tokens), SIZE_MAX));
  options.temperature = temperature;
  options.top_k = static_cast<uint32_t>(top_k);
  options.top_p = top_p;
  options.min_p = min_p;
  options.repetition_penalty = repetition_penalty;
  options.seed = static_cast<uint64_t>(seed);
  options.ignore_end = ignore_end == JNI_TRUE;
  Callback text_callback = {env, receiver};
  Callback run_callback = {env, progress};
  const Text text(env, prompt, Text::Use::read);
  if (!text.ok()) return;
  linnet_generated counts = {};
  linnet_message why;
  linnet_session_on_progress(session, progress != nullptr ? on_run_progress : nullptr,
                             &run_callback);
  const linnet_status status =
      linnet_generate(session, text.chars(), text.size(), &options,
                      receiver != nullptr ? on_text : nullptr, &text_callback, &counts, &why);
  linnet_session_on_progress(session, nullptr, nullptr);
  if (!check(env, status, why)) return;
  const jlong numbers[] = {static_cast<jlong>(counts.prompt_tokens),
                           static_cast<jlong>(counts.tokens), static_cast<jlong>(counts.stop)};
  env->SetLongArrayRegion(generated, 0, 3, numbers);
}

void JNICALL translate_defaults(JNIEnv* env, jclass, jlong model, jlongArray integers,
                                jfloatArray fractions) {
  const auto defaults = linnet_translate_options_defaults(handle_of<linnet_model>(model));
  const jlong whole[] = {defaults.beams, static_cast<jlong>(defaults.max_tokens),
                         static_cast<jlong>(defaults.min_tokens), defaults.no_repeat,
                         defaults.forced_first};
  const jfloat parts[] = {defaults.length_penalty};
  env->SetLongArrayRegion(integers, 0, 5, whole);
  if (env->ExceptionCheck() == JNI_FALSE) env->SetFloatArrayRegion(fractions, 0, 1, parts);
}

/// A text that arrives at once, as the byte[] it becomes.
struct WholeText {
  JNIEnv* env;
  jbyteArray bytes;
};

bool take_whole(const char* text, size_t size, void* context) {
  auto& whole = *static_cast<WholeText*>(context);
  whole.bytes = new_bytes(whole.env, text, size);
  return whole.bytes != nullptr;
}

jbyteArray JNICALL translate(JNIEnv* env, jclass, jlong model, jlong session, jbyteArray text,
                             jint beams, jlong max_tokens, jlong min_tokens, jfloat length_penalty,
                             jint no_repeat, jint forced_first, jlongArray counts,
                             jfloatArray score) {
  auto options = linnet_translate_options_defaults(handle_of<linnet_model>(model));
  options.beams = static_cast<uint32_t>(beams);
  options.max_tokens = static_cast<size_t>(max_tokens);
  options.min_tokens = static_cast<size_t>(min_tokens);
  options.length_penalty = length_penalty;
  options.no_repeat = static_cast<uint32_t>(no_repeat);
  options.forced_first = forced_first;
  const Text source(env, text, Text::Use::read);
  if (!source.ok()) return nullptr;
  WholeText whole = {env, nullptr};
  linnet_translated translated = {};
  linnet_message why;
  const linnet_status status =
      linnet_translate(handle_of<linnet_session>(session), source.chars(), source.size(), &options,
                       take_whole, &whole, &translated, &why);
  if (!check(env, status, why)) return nullptr;
  const jlong numbers[] = {static_cast<jlong>(translated.source_tokens),
                           static_cast<jlong>(translated.tokens)};
  env->SetLongArrayRegion(counts, 0, 2, numbers);
  env->SetFloatArrayRegion(score, 0, 1, &translated.score);
  return whole.bytes;
}

}  // namespace

std::span<const JNINativeMethod> text_methods() {
  static const JNINativeMethod methods[] = {
      method("tokenize", "(J[BZ[I)I", reinterpret_cast<void*>(tokenize)),
      method("tokenizePair", "(J[B[BZ[I[I)I", reinterpret_cast<void*>(tokenize_pair)),
      method("detokenize", "(J[IZ[B)I", reinterpret_cast<void*>(detokenize)),
      method("generateDefaults", "(J[J[F)V", reinterpret_cast<void*>(generate_defaults)),
      method("generate", "(JJ[BJFIFFFJZLorg/linnet/TextCallback;Lorg/linnet/RunProgress;[J)V",
             reinterpret_cast<void*>(generate)),
      method("translateDefaults", "(J[J[F)V", reinterpret_cast<void*>(translate_defaults)),
      method("translate", "(JJ[BIJJFII[J[F)[B", reinterpret_cast<void*>(translate)),
  };
  return methods;
}

}  // namespace linnet::java
