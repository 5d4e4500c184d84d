#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace linnet::fuzz {

/// Sessions of a model that claims to need more are not opened.
inline constexpr uint64_t runnable_bytes = uint64_t{1} << 26;

/// Opens the bytes of a model file, 64-byte aligned, and should they pass, asks the model
/// everything that the interface has to ask: what it is, text to ids and back, a few tokens or
/// texts through a session, its state out and in again, a little generated or translated text.
/// Returns why not all of it could be done, or "".
std::string run_model(std::span<const std::byte> file);

}  // namespace linnet::fuzz
