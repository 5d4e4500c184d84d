#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/convert/formats/checkpoint.h"

namespace linnet::convert {

using ObjectId = uint32_t;

enum class ObjectKind : uint8_t {
  other,       ///< None, a float, a number too large: nothing that a tensor needs
  integer,     ///< `number`; also a boolean
  text,        ///< `text`
  sequence,    ///< `items`; a list or a tuple
  dictionary,  ///< `items`: key, value, key, value, …
  global,      ///< `number`: index into known_globals()
  storage,     ///< `argument`: the sequence that names it
  tensor,      ///< `argument`: the arguments of the function that rebuilds it
};

/// An object that a pickle describes. Objects refer to each other by number, so that shared and
/// cyclic ones cost nothing and own nothing.
struct PickleObject {
  ObjectKind kind = ObjectKind::other;
  int64_t number = 0;
  std::string_view text;  ///< in the pickle
  std::vector<ObjectId> items;
  ObjectId argument = 0;
};

enum class GlobalRole : uint8_t { ordered_dict, rebuild_tensor, rebuild_parameter, storage };

/// A function or class that a pickle may name.
struct KnownGlobal {
  std::string_view module;
  std::string_view name;
  GlobalRole role;
  StoredType type;  ///< of a storage's elements
};

const KnownGlobal& known_global(const PickleObject& object);

/// Follows a pickle's instructions far enough to know its objects, and runs nothing.
class PickleMachine {
 public:
  PickleMachine(std::string_view pickle, const std::string& where);

  /// Reads to the end; the object that the pickle stands for.
  ObjectId run();

  const PickleObject& object(ObjectId id) const { return objects_[id]; }

 private:
  void step(uint8_t opcode);
  bool push_constant(uint8_t opcode);
  bool push_text(uint8_t opcode);
  bool build_container(uint8_t opcode);
  bool use_memo(uint8_t opcode);
  void call();
  void build();
  void push_global(std::string_view module, std::string_view name);
  void push_long(uint64_t bytes);
  void append(size_t first);
  void set_items(size_t first);
  void collect(ObjectKind kind, size_t first);

  ObjectId push(PickleObject object);
  void push_id(ObjectId id) { stack_.push_back(id); }
  void push_integer(int64_t value);
  ObjectId pop();
  PickleObject& top();
  size_t pop_mark();
  size_t items_on_stack(size_t count) const;

  std::string_view take(uint64_t bytes);
  std::string_view take_line();
  template <typename T>
  T take_number();
  [[noreturn]] void fail(const std::string& why) const;

  std::string_view pickle_;
  const std::string& where_;
  size_t at_ = 0;
  std::vector<PickleObject> objects_;
  std::vector<ObjectId> stack_;
  std::vector<size_t> marks_;  ///< heights of the stack
  std::unordered_map<uint64_t, ObjectId> memo_;
};

}  // namespace linnet::convert
