#include "tools/convert/formats/pickle_machine.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "tools/convert/formats/pickle_opcodes.h"

namespace linnet::convert {
namespace {

constexpr size_t kMaxObjects = size_t{1} << 22;

constexpr std::array<KnownGlobal, 14> kKnownGlobals = {{
    {"collections", "OrderedDict", GlobalRole::ordered_dict, StoredType::other},
    {"torch._utils", "_rebuild_tensor_v2", GlobalRole::rebuild_tensor, StoredType::other},
    {"torch._utils", "_rebuild_parameter", GlobalRole::rebuild_parameter, StoredType::other},
    {"torch", "FloatStorage", GlobalRole::storage, StoredType::f32},
    {"torch", "HalfStorage", GlobalRole::storage, StoredType::f16},
    {"torch", "BFloat16Storage", GlobalRole::storage, StoredType::bf16},
    {"torch", "DoubleStorage", GlobalRole::storage, StoredType::f64},
    {"torch", "LongStorage", GlobalRole::storage, StoredType::i64},
    {"torch", "IntStorage", GlobalRole::storage, StoredType::i32},
    {"torch", "ShortStorage", GlobalRole::storage, StoredType::i16},
    {"torch", "CharStorage", GlobalRole::storage, StoredType::i8},
    {"torch", "ByteStorage", GlobalRole::storage, StoredType::u8},
    {"torch", "BoolStorage", GlobalRole::storage, StoredType::boolean},
    {"torch.storage", "UntypedStorage", GlobalRole::storage, StoredType::u8},
}};

/// A name out of a hostile file, short and without control characters.
std::string printable(std::string_view text) {
  std::string result(text.substr(0, 100));
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';
  }
  return result;
}

}  // namespace

const KnownGlobal& known_global(const PickleObject& object) {
  return kKnownGlobals[static_cast<size_t>(object.number)];
}

PickleMachine::PickleMachine(std::string_view pickle, const std::string& where)
    : pickle_(pickle), where_(where) {}

void PickleMachine::fail(const std::string& why) const {
  throw std::runtime_error(where_ + ", byte " + std::to_string(at_) + ": " + why);
}

ObjectId PickleMachine::run() {
  if (take_number<uint8_t>() != kProto) fail("not a pickle of protocol 2 to 5");
  const unsigned protocol = take_number<uint8_t>();
  if (protocol < 2 || protocol > 5) {
    fail("pickle protocol 2 to 5 expected, found " + std::to_string(protocol));
  }
  while (true) {
    const uint8_t opcode = take_number<uint8_t>();
    if (opcode == kStop) break;
    step(opcode);
  }
  const ObjectId result = pop();
  if (!stack_.empty() || !marks_.empty()) fail("the pickle leaves objects on its stack");
  return result;
}

void PickleMachine::step(uint8_t opcode) {
  if (push_constant(opcode) || push_text(opcode) || build_container(opcode) || use_memo(opcode)) {
    return;
  }
  switch (opcode) {
    case kFrame:
      take_number<uint64_t>();
      break;  // only a hint for buffering
    case kMark:
      marks_.push_back(stack_.size());
      break;
    case kDup:
      push_id(stack_[items_on_stack(1)]);
      break;
    case kPopMark:
      stack_.resize(pop_mark());
      break;
    case kPop:
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      break;
    case kBinPersId: {
      const ObjectId argument = pop();
      push({ObjectKind::storage, 0, {}, {}, argument});
      break;
    }
    case kReduce:
    case kNewObj:
      call();
      break;
    case kBuild:
      build();
      break;
    default:
      fail("a pickle instruction that checkpoints do not need: " + std::to_string(opcode));
  }
}

bool PickleMachine::push_constant(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      push({});
      return true;
    case kNewTrue:
      push_integer(1);
      return true;
    case kNewFalse:
      push_integer(0);
      return true;
    case kBinInt:
      push_integer(take_number<int32_t>());
      return true;
    case kBinInt1:
      push_integer(take_number<uint8_t>());
      return true;
    case kBinInt2:
      push_integer(take_number<uint16_t>());
      return true;
    case kLong1:
      push_long(take_number<uint8_t>());
      return true;
    case kLong4:
      push_long(take_number<uint32_t>());
      return true;
    case kBinFloat:
      take(8);
      push({});
      return true;
    default:
      return false;
  }
}

bool PickleMachine::push_text(uint8_t opcode) {
  uint64_t bytes = 0;
  switch (opcode) {
    case kShortBinString:
    case kShortBinBytes:
    case kShortBinUnicode:
      bytes = take_number<uint8_t>();
      break;
    case kBinString:
    case kBinBytes:
    case kBinUnicode:
      bytes = take_number<uint32_t>();
      break;
    case kBinUnicode8:
      bytes = take_number<uint64_t>();
      break;
    case kGlobal: {
      const std::string_view module = take_line();
      push_global(module, take_line());
      return true;
    }
    case kStackGlobal: {
      const PickleObject& name = objects_[pop()];
      const PickleObject& module = objects_[pop()];
      if (name.kind != ObjectKind::text || module.kind != ObjectKind::text) {
        fail("a global's name is not a text");
      }
      push_global(module.text, name.text);
      return true;
    }
    default:
      return false;
  }
  push({ObjectKind::text, 0, take(bytes), {}, 0});
  return true;
}

bool PickleMachine::build_container(uint8_t opcode) {
  switch (opcode) {
    case kEmptyDict:
      push({ObjectKind::dictionary, 0, {}, {}, 0});
      return true;
    case kEmptyList:
    case kEmptyTuple:
      push({ObjectKind::sequence, 0, {}, {}, 0});
      return true;
    case kTuple1:
      collect(ObjectKind::sequence, items_on_stack(1));
      return true;
    case kTuple2:
      collect(ObjectKind::sequence, items_on_stack(2));
      return true;
    case kTuple3:
      collect(ObjectKind::sequence, items_on_stack(3));
      return true;
    case kTuple:
    case kList:
      collect(ObjectKind::sequence, pop_mark());
      return true;
    case kDict:
      collect(ObjectKind::dictionary, pop_mark());
      return true;
    case kAppend:
      append(items_on_stack(1));
      return true;
    case kAppends:
      append(pop_mark());
      return true;
    case kSetItem:
      set_items(items_on_stack(2));
      return true;
    case kSetItems:
      set_items(pop_mark());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::use_memo(uint8_t opcode) {
  switch (opcode) {
    case kMemoize:
      memo_[memo_.size()] = stack_[items_on_stack(1)];
      return true;
    case kBinPut:
      memo_[take_number<uint8_t>()] = stack_[items_on_stack(1)];
      return true;
    case kLongBinPut:
      memo_[take_number<uint32_t>()] = stack_[items_on_stack(1)];
      return true;
    case kBinGet:
    case kLongBinGet: {
      const uint64_t key = opcode == kBinGet ? take_number<uint8_t>() : take_number<uint32_t>();
      const auto found = memo_.find(key);
      if (found == memo_.end()) fail("memo " + std::to_string(key) + " was never set");
      push_id(found->second);
      return true;
    }
    default:
      return false;
  }
}

void PickleMachine::call() {
  const ObjectId argument = pop();
  const PickleObject& arguments = objects_[argument];
  const PickleObject& callee = objects_[pop()];
  if (callee.kind != ObjectKind::global) fail("calls what is not a function");
  if (arguments.kind != ObjectKind::sequence) fail("calls a function without a tuple of arguments");
  const KnownGlobal& global = known_global(callee);
  const std::string name = std::string(global.module) + "." + std::string(global.name);
  switch (global.role) {
    case GlobalRole::ordered_dict:
      if (!arguments.items.empty()) fail("no arguments for " + name + " expected");
      push({ObjectKind::dictionary, 0, {}, {}, 0});
      break;
    case GlobalRole::rebuild_tensor:
      push({ObjectKind::tensor, 0, {}, {}, argument});
      break;
    case GlobalRole::rebuild_parameter:
      if (arguments.items.empty()) fail("arguments for " + name + " expected");
      push_id(arguments.items[0]);
      break;
    case GlobalRole::storage:
      fail("refuses to run " + name);
  }
}

void PickleMachine::build() {
  pop();
  // The state of a dictionary is torch's _metadata, which says nothing about the weights.
  if (top().kind != ObjectKind::dictionary) fail("sets the state of what is not a dictionary");
}

void PickleMachine::push_global(std::string_view module, std::string_view name) {
  for (size_t i = 0; i < kKnownGlobals.size(); ++i) {
    if (kKnownGlobals[i].module == module && kKnownGlobals[i].name == name) {
      push({ObjectKind::global, static_cast<int64_t>(i), {}, {}, 0});
      return;
    }
  }
  fail("refuses to run " + printable(module) + "." + printable(name) +
       "; save only the weights, with torch.save(model.state_dict(), path)");
}

void PickleMachine::push_long(uint64_t bytes) {
  const std::string_view digits = take(bytes);
  if (bytes > sizeof(int64_t)) {
    push({});
    return;
  }
  const bool negative = bytes > 0 && (digits.back() & 0x80) != 0;
  uint64_t value = negative ? ~uint64_t{0} : 0;
  for (size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
  push_integer(static_cast<int64_t>(value));
}

void PickleMachine::append(size_t first) {
  const std::vector<ObjectId> items(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  stack_.resize(first);
  if (top().kind != ObjectKind::sequence) fail("appends to what is not a list");
  top().items.insert(top().items.end(), items.begin(), items.end());
}

void PickleMachine::set_items(size_t first) {
  const std::vector<ObjectId> items(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  stack_.resize(first);
  if (top().kind != ObjectKind::dictionary) fail("sets items of what is not a dictionary");
  if (items.size() % 2 != 0) fail("a dictionary's key has no value");
  top().items.insert(top().items.end(), items.begin(), items.end());
}

void PickleMachine::collect(ObjectKind kind, size_t first) {
  PickleObject container{kind, 0, {}, {}, 0};
  container.items.assign(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  if (kind == ObjectKind::dictionary && container.items.size() % 2 != 0) {
    fail("a dictionary's key has no value");
  }
  stack_.resize(first);
  push(std::move(container));
}

ObjectId PickleMachine::push(PickleObject object) {
  if (objects_.size() == kMaxObjects) {
    fail("has more than " + std::to_string(kMaxObjects) + " objects");
  }
  objects_.push_back(std::move(object));
  push_id(static_cast<ObjectId>(objects_.size() - 1));
  return stack_.back();
}

void PickleMachine::push_integer(int64_t value) { push({ObjectKind::integer, value, {}, {}, 0}); }

size_t PickleMachine::items_on_stack(size_t count) const {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor < count) fail("takes more from the stack than there is");
  return stack_.size() - count;
}

ObjectId PickleMachine::pop() {
  const ObjectId id = stack_[items_on_stack(1)];
  stack_.pop_back();
  return id;
}

PickleObject& PickleMachine::top() { return objects_[stack_[items_on_stack(1)]]; }

size_t PickleMachine::pop_mark() {
  if (marks_.empty()) fail("looks for a mark that was never set");
  const size_t height = marks_.back();
  marks_.pop_back();
  return height;
}

std::string_view PickleMachine::take(uint64_t bytes) {
  if (bytes > pickle_.size() - at_) fail("the pickle is cut off");
  const std::string_view taken = pickle_.substr(at_, bytes);
  at_ += bytes;
  return taken;
}

std::string_view PickleMachine::take_line() {
  const size_t end = pickle_.find('\n', at_);
  if (end == std::string_view::npos) fail("the pickle is cut off");
  const std::string_view line = pickle_.substr(at_, end - at_);
  at_ = end + 1;
  return line;
}

template <typename T>
T PickleMachine::take_number() {
  T value;
  std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  return value;
}

}  // namespace linnet::convert
