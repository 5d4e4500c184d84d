#pragma once

#include <jni.h>

#include <cstddef>

namespace linnet::java {

template <typename Array>
struct ElementType;

template <>
struct ElementType<jbyteArray> {
  using Type = jbyte;
  static constexpr auto get = &JNIEnv::GetByteArrayElements;
  static constexpr auto release = &JNIEnv::ReleaseByteArrayElements;
};

template <>
struct ElementType<jintArray> {
  using Type = jint;
  static constexpr auto get = &JNIEnv::GetIntArrayElements;
  static constexpr auto release = &JNIEnv::ReleaseIntArrayElements;
};

template <>
struct ElementType<jfloatArray> {
  using Type = jfloat;
  static constexpr auto get = &JNIEnv::GetFloatArrayElements;
  static constexpr auto release = &JNIEnv::ReleaseFloatArrayElements;
};

/// The elements of a Java array while this lives. Never the "critical" ones, which would hold up
/// the garbage collector for as long as a model runs.
template <typename Array>
class Elements {
 public:
  using Type = typename ElementType<Array>::Type;

  enum class Use { read, write };

  /// `array` may be null, and has no elements then.
  Elements(JNIEnv* env, Array array, Use use)
      : env_(env), array_(array), mode_(use == Use::read ? JNI_ABORT : 0) {
    if (array != nullptr) data_ = (env->*ElementType<Array>::get)(array, nullptr);
  }
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;
  ~Elements() {
    if (data_ != nullptr) (env_->*ElementType<Array>::release)(array_, data_, mode_);
  }

  /// False where Java had no memory for a copy, with an exception pending.
  bool ok() const { return array_ == nullptr || data_ != nullptr; }

  Type* data() const { return data_; }
  size_t size() const {
    return array_ == nullptr ? 0 : static_cast<size_t>(env_->GetArrayLength(array_));
  }

 private:
  JNIEnv* env_;
  Array array_;
  jint mode_;
  Type* data_ = nullptr;
};

/// The bytes of a text, or room for them.
class Text : public Elements<jbyteArray> {
 public:
  using Elements::Elements;
  char* chars() const { return reinterpret_cast<char*>(data()); }
};

}  // namespace linnet::java
