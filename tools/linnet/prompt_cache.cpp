#include "tools/linnet/prompt_cache.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/input_file.h"
#include "tools/convert/formats/output_file.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

constexpr char magic[8] = {'L', 'N', 'N', 'T', 'P', 'R', 'M', 'T'};
constexpr uint32_t version = 1;

// Then the ids, int32 each, then the state as linnet_state_save writes it.
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t tokens;
};

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

}  // namespace

size_t PromptCache::restore(Session& session, std::span<const int32_t> prompt) {
  std::error_code ignored;
  if (!is_on() || !std::filesystem::exists(path_, ignored)) return 0;
  try {
    return try_restore(session, prompt);
  } catch (const std::runtime_error& error) {
    session.reset();
    std::fprintf(stderr, "note: %s is made anew: %s\n", path_.c_str(), error.what());
    return 0;
  }
}

size_t PromptCache::try_restore(Session& session, std::span<const int32_t> prompt) {
  const convert::InputFile file(path_);
  Header header;
  if (file.size() < sizeof header) fail("it is cut short");
  file.read_at(0, std::as_writable_bytes(std::span(&header, 1)));
  if (std::memcmp(header.magic, magic, sizeof magic) != 0) fail("it is not a prompt cache");
  if (header.version != version) fail("it has version " + std::to_string(header.version));
  const uint64_t ids_bytes = uint64_t{header.tokens} * sizeof(int32_t);
  if (file.size() - sizeof header < ids_bytes) fail("it is cut short");
  std::vector<int32_t> ids(header.tokens);
  file.read_at(sizeof header, std::as_writable_bytes(std::span(ids)));
  std::vector<std::byte> state(convert::memory_size(file.size() - sizeof header - ids_bytes));
  file.read_at(sizeof header + ids_bytes, state);
  require(session.load(state));
  if (session.position() != ids.size()) fail("its tokens are not those of its state");
  const auto differing = std::mismatch(ids.begin(), ids.end(), prompt.begin(), prompt.end()).first;
  uint64_t restored = 0;
  require(session.rewind(static_cast<uint64_t>(differing - ids.begin()), &restored));
  served_ = restored == ids.size();
  return static_cast<size_t>(restored);
}

void PromptCache::keep(const Session& session, std::span<const int32_t> tokens) const {
  if (!is_on() || tokens.empty()) return;
  std::vector<std::byte> state;
  require(session.save(&state));
  Header header = {};
  std::memcpy(header.magic, magic, sizeof magic);
  header.version = version;
  header.tokens = static_cast<uint32_t>(tokens.size());
  convert::OutputFile file(path_);
  file.write(std::as_bytes(std::span(&header, 1)));
  file.write(std::as_bytes(tokens));
  file.write(state);
  file.commit();
}

}  // namespace linnet::cli
