#include "tools/convert/formats/pickle_reader.h"

#include <stdexcept>
#include <utility>

#include "tools/convert/formats/pickle_machine.h"

namespace linnet::convert {
namespace {

constexpr size_t kMaxDepth = 64;

/// Walks the objects of a pickle down to its tensors.
class Flattener {
 public:
  Flattener(const PickleMachine& machine, size_t pickle_bytes, const std::string& where)
      : machine_(machine),
        where_(where),
        visits_left_(2 * pickle_bytes + 1),
        name_bytes_left_(16 * pickle_bytes + (64u << 10)) {}

  std::vector<PickledTensor> flatten(ObjectId root) {
    visit(root, "", 0);
    return std::move(tensors_);
  }

 private:
  void visit(ObjectId id, const std::string& name, size_t depth) {
    // Objects may share others, even themselves, so a small pickle can stand for an endless tree.
    if (depth > kMaxDepth || visits_left_-- == 0) fail(name, "is nested too deeply or too often");
    const PickleObject& object = machine_.object(id);
    switch (object.kind) {
      case ObjectKind::dictionary:
        for (size_t i = 0; i + 1 < object.items.size(); i += 2) {
          std::string key;
          if (!key_text(object.items[i], &key)) continue;
          visit(object.items[i + 1], joined(name, key), depth + 1);
        }
        break;
      case ObjectKind::sequence:
        for (size_t i = 0; i < object.items.size(); ++i) {
          visit(object.items[i], joined(name, std::to_string(i)), depth + 1);
        }
        break;
      case ObjectKind::tensor:
        tensors_.push_back(read_tensor(object, name));
        break;
      default:
        break;
    }
  }

  bool key_text(ObjectId id, std::string* text) const {
    const PickleObject& key = machine_.object(id);
    if (key.kind == ObjectKind::text) *text = key.text;
    if (key.kind == ObjectKind::integer) *text = std::to_string(key.number);
    return key.kind == ObjectKind::text || key.kind == ObjectKind::integer;
  }

  std::string joined(const std::string& name, const std::string& key) {
    const size_t bytes = name.size() + key.size() + 1;
    if (bytes > name_bytes_left_) fail(name, "the names of its entries are too long");
    name_bytes_left_ -= bytes;
    return name.empty() ? key : name + "." + key;
  }

  PickledTensor read_tensor(const PickleObject& object, const std::string& name) const {
    const PickleObject& arguments = machine_.object(object.argument);
    if (arguments.items.size() < 4) fail(name, "too few arguments to rebuild it");
    PickledTensor tensor;
    tensor.name = name;
    read_storage(machine_.object(arguments.items[0]), &tensor);
    tensor.first = number(arguments.items[1], name, "storage offset");
    tensor.shape = numbers(arguments.items[2], name, "shape");
    tensor.strides = numbers(arguments.items[3], name, "stride");
    if (tensor.shape.size() != tensor.strides.size()) {
      fail(name, std::to_string(tensor.shape.size()) + " strides expected, found " +
                     std::to_string(tensor.strides.size()));
    }
    return tensor;
  }

  /// A storage is ("storage", class, key, device, elements).
  void read_storage(const PickleObject& storage, PickledTensor* tensor) const {
    if (storage.kind != ObjectKind::storage) fail(tensor->name, "has no storage");
    const PickleObject& fields = machine_.object(storage.argument);
    if (fields.kind != ObjectKind::sequence || fields.items.size() != 5) {
      fail(tensor->name, "its storage is not described by five fields");
    }
    const PickleObject& type = machine_.object(fields.items[1]);
    const PickleObject& key = machine_.object(fields.items[2]);
    if (machine_.object(fields.items[0]).text != "storage" || key.kind != ObjectKind::text ||
        type.kind != ObjectKind::global || known_global(type).role != GlobalRole::storage) {
      fail(tensor->name, "its storage has fields of unexpected types");
    }
    tensor->type = known_global(type).type;
    tensor->storage = key.text;
    tensor->storage_elements = number(fields.items[4], tensor->name, "storage size");
  }

  uint64_t number(ObjectId id, const std::string& name, const char* what) const {
    const PickleObject& object = machine_.object(id);
    if (object.kind != ObjectKind::integer) fail(name, std::string(what) + " is not an integer");
    if (object.number < 0) {
      fail(name, std::string(what) + " " + std::to_string(object.number) + " is negative");
    }
    return static_cast<uint64_t>(object.number);
  }

  std::vector<uint64_t> numbers(ObjectId id, const std::string& name, const char* what) const {
    const PickleObject& object = machine_.object(id);
    if (object.kind != ObjectKind::sequence) fail(name, std::string(what) + " is not a tuple");
    if (object.items.size() > kMaxDimensions) {
      fail(name, "has more than " + std::to_string(kMaxDimensions) + " dimensions");
    }
    std::vector<uint64_t> values;
    for (ObjectId item : object.items) values.push_back(number(item, name, what));
    return values;
  }

  [[noreturn]] void fail(const std::string& name, const std::string& why) const {
    throw std::runtime_error(where_ + ": '" + name.substr(0, 200) + "': " + why);
  }

  const PickleMachine& machine_;
  const std::string& where_;
  size_t visits_left_;
  size_t name_bytes_left_;
  std::vector<PickledTensor> tensors_;
};

}  // namespace

std::vector<PickledTensor> read_pickled_tensors(std::string_view pickle, const std::string& where) {
  PickleMachine machine(pickle, where);
  const ObjectId root = machine.run();
  return Flattener(machine, pickle.size(), where).flatten(root);
}

}  // namespace linnet::convert
