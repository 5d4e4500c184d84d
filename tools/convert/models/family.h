#pragma once

#include <optional>
#include <span>
#include <string>

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/graph.h"
#include "tools/convert/models/config.h"

namespace linnet::convert {

/// What a family builds from.
struct Source {
  std::string path;              ///< as it was given
  const Checkpoint& checkpoint;  ///< must outlive the graph, whose weights read it
  std::optional<Config> config;  ///< config.json, where there is one
};

/// An architecture that `linnet convert` knows.
struct Family {
  const char* name;         ///< as in the file's metadata
  const char* checkpoints;  ///< what its checkpoints look like, for people
  const char* paper;
  /// The model has no tokenizer of its own when it reads bytes: a vocabulary of 256 says so.
  bool bytes_without_tokenizer;
  bool (*recognizes)(const Source& source);
  Graph (*build)(const Source& source);
  const char* remembers = "";  ///< the recurrence as operators and attributes, its state per layer
  const char* proof = "";      ///< the reference case below tests/golden that it is checked with
};

/// What a family's file defines, both as specialisations for a tag that its row in families.cpp
/// names: nothing else needs to know of a family.
template <typename Tag>
bool recognizes(const Source& source);
template <typename Tag>
Graph build(const Source& source);

/// All of them; `linnet convert --list` prints this table.
std::span<const Family> families();

/// Throws std::runtime_error that names what was found and what is known.
const Family& find_family(const Source& source);

/// Whether config.json says `model_type` or one of `architectures`.
bool config_says(const Source& source, std::span<const char* const> model_types,
                 std::span<const char* const> architectures);

}  // namespace linnet::convert
