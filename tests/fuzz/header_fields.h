#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace linnet::fuzz {

/// What a number in a model file's header is for.
enum class FieldKind : uint8_t {
  scalar,       ///< a value of a table or struct, or an element of a vector
  offset,       ///< where a table, vector or string lies
  length,       ///< elements of a vector, bytes of a string or of the header
  vtable_entry  ///< where a table has a field, and the table's sizes
};

enum class Names : uint8_t { given, left_out };

struct HeaderField {
  std::string name;  ///< such as "Model.tensors[3].shape.length"; or left out
  size_t at = 0;     ///< byte in the file
  size_t bytes = 0;  ///< 1, 2, 4 or 8
  FieldKind kind = FieldKind::scalar;
};

/// Finds every number of a header by following schema/linnet.fbs, which is read here and so is
/// never out of date.
class HeaderSchema {
 public:
  HeaderSchema();
  ~HeaderSchema();
  HeaderSchema(const HeaderSchema&) = delete;
  HeaderSchema& operator=(const HeaderSchema&) = delete;

  /// Of a model file, which may be damaged: what lies outside of it, or leads nowhere, is left out.
  std::vector<HeaderField> fields_of(std::span<const std::byte> file,
                                     Names names = Names::given) const;

 private:
  struct Parsed;
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace linnet::fuzz
