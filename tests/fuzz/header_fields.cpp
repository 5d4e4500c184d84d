#include "tests/fuzz/header_fields.h"

#include <flatbuffers/idl.h>

#include <cstring>
#include <set>
#include <stdexcept>
#include <string_view>

#include "tests/unit/temp_folder.h"

namespace linnet::fuzz {
namespace {

using flatbuffers::FieldDef;
using flatbuffers::StructDef;
using flatbuffers::Type;

constexpr size_t prefix_bytes = 4;
constexpr size_t most_fields = 1 << 16;
constexpr int most_depth = 16;

/// Where a walk is. Most walks want no names: one becomes a string where it is asked for.
class Path {
 public:
  explicit Path(std::string_view root) : part_(root) {}
  Path(const Path& parent, std::string_view part) : parent_(&parent), part_(part) {}
  Path(const Path& parent, size_t index) : parent_(&parent), index_(index) {}

  std::string name() const {
    if (parent_ == nullptr) return std::string(part_);
    if (part_.empty()) return parent_->name() + '[' + std::to_string(index_) + ']';
    return parent_->name().append(".").append(part_);
  }

 private:
  const Path* parent_ = nullptr;
  std::string_view part_;
  size_t index_ = 0;  // in a vector, where there is no part
};

/// Walks one header as https://flatbuffers.dev/internals lays it out.
class Walk {
 public:
  Walk(std::span<const std::byte> file, Names names) : file_(file), names_(names) {}

  std::vector<HeaderField> from(const StructDef& root) {
    add(Path("header"), 0, 4, FieldKind::length);
    const Path model("Model");
    follow(model, prefix_bytes, [&](size_t at) { table(model, at, root); });
    return std::move(fields_);
  }

 private:
  template <typename T>
  bool read(size_t at, T* value) const {
    if (at > file_.size() || file_.size() - at < sizeof(T)) return false;
    std::memcpy(value, file_.data() + at, sizeof(T));
    return true;
  }

  bool add(const Path& path, size_t at, size_t bytes, FieldKind kind) {
    if (at > file_.size() || file_.size() - at < bytes || fields_.size() == most_fields)
      return false;
    fields_.push_back({names_ == Names::given ? path.name() : "", at, bytes, kind});
    return true;
  }

  /// The offset at `at`, and what it leads to, once.
  template <typename Then>
  void follow(const Path& path, size_t at, Then&& then) {
    uint32_t offset = 0;
    if (!read(at, &offset) || !add(Path(path, "offset"), at, 4, FieldKind::offset)) return;
    const size_t target = at + offset;
    if (target >= file_.size() || depth_ == most_depth || !seen_.insert(target).second) return;
    ++depth_;
    then(target);
    --depth_;
  }

  void table(const Path& path, size_t at, const StructDef& type) {
    int32_t back = 0;
    if (!read(at, &back) || !add(Path(path, "vtable"), at, 4, FieldKind::offset)) return;
    const size_t vtable = at - static_cast<size_t>(static_cast<ptrdiff_t>(back));
    uint16_t vtable_bytes = 0;
    if (!read(vtable, &vtable_bytes)) return;
    const bool is_new = seen_.insert(vtable).second;
    for (size_t entry = 0; is_new && entry + 2 <= vtable_bytes; entry += 2) {
      if (!add(Path(path, "vtable_entry"), vtable + entry, 2, FieldKind::vtable_entry)) return;
    }
    for (const FieldDef* field : type.fields.vec) {
      uint16_t place = 0;
      const size_t entry = field->value.offset;
      if (entry + 2 > vtable_bytes || !read(vtable + entry, &place) || place == 0) continue;
      uint8_t chosen = 0;
      if (field->value.type.base_type == flatbuffers::BASE_TYPE_UNION) {
        uint16_t chooser = 0;  // the union's type is the field before it
        if (!read(vtable + entry - 2, &chooser) || !read(at + chooser, &chosen)) continue;
      }
      value(Path(path, field->name), at + place, field->value.type, chosen);
    }
  }

  void fixed(const Path& path, size_t at, const StructDef& type) {
    for (const FieldDef* field : type.fields.vec) {
      value(Path(path, field->name), at + field->value.offset, field->value.type, 0);
    }
  }

  void value(const Path& path, size_t at, const Type& type, uint8_t chosen) {
    switch (type.base_type) {
      case flatbuffers::BASE_TYPE_STRING:
        return follow(path, at,
                      [&](size_t to) { add(Path(path, "length"), to, 4, FieldKind::length); });
      case flatbuffers::BASE_TYPE_VECTOR:
        return follow(path, at, [&](size_t to) { vector(path, to, type.VectorType()); });
      case flatbuffers::BASE_TYPE_UNION: {
        const flatbuffers::EnumVal* option = type.enum_def->ReverseLookup(chosen);
        if (option == nullptr || option->union_type.struct_def == nullptr) return;
        return follow(path, at, [&](size_t to) {
          table(Path(path, option->name), to, *option->union_type.struct_def);
        });
      }
      case flatbuffers::BASE_TYPE_STRUCT:
        if (type.struct_def->fixed) return fixed(path, at, *type.struct_def);
        return follow(path, at, [&](size_t to) { table(path, to, *type.struct_def); });
      default:
        add(path, at, flatbuffers::SizeOf(type.base_type), FieldKind::scalar);
    }
  }

  void vector(const Path& path, size_t at, const Type& element) {
    uint32_t length = 0;
    if (!read(at, &length) || !add(Path(path, "length"), at, 4, FieldKind::length)) return;
    const size_t step = flatbuffers::InlineSize(element);
    for (size_t i = 0; i < length && fields_.size() < most_fields; ++i) {
      const size_t place = at + 4 + i * step;
      if (place + step > file_.size()) return;
      value(Path(path, i), place, element, 0);
    }
  }

  std::span<const std::byte> file_;
  Names names_;
  std::vector<HeaderField> fields_;
  std::set<size_t> seen_;  // what was walked already; a hostile header may lead in circles
  int depth_ = 0;
};

}  // namespace

struct HeaderSchema::Parsed {
  flatbuffers::Parser parser;
};

HeaderSchema::HeaderSchema() : parsed_(std::make_unique<Parsed>()) {
  const std::string text = test::read_file(LINNET_SCHEMA);
  if (!parsed_->parser.Parse(text.c_str())) throw std::runtime_error(parsed_->parser.error_);
}

HeaderSchema::~HeaderSchema() = default;

std::vector<HeaderField> HeaderSchema::fields_of(std::span<const std::byte> file,
                                                 Names names) const {
  return Walk(file, names).from(*parsed_->parser.root_struct_def_);
}

}  // namespace linnet::fuzz
