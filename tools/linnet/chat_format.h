#pragma once

#include <linnet/linnet.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::cli {

/// How a family of models writes a conversation down. `{}` stands for a text.
struct ChatFormat {
  const char* name;
  const char* marker;     ///< the token of a tokenizer that tells it; "": none does
  const char* system;     ///< the system's text
  bool system_in_turn;    ///< which then leads the user's first text, else it stands before it
  const char* user;       ///< a user's text, and what the model's reply comes after
  const char* close;      ///< what ends a reply
  const char* stop_text;  ///< a reply also ends where this appears; "": nowhere
};

/// Every format there is.
const std::vector<ChatFormat>& chat_formats();

/// The format of that name, or with "auto" the first whose marker is a token of the model's; plain
/// where there is none. Throws std::runtime_error for an unknown name.
const ChatFormat& find_chat_format(const Model& model, std::string_view name);

/// What stands before the first user's text: "" without a system's text.
std::string opening_text(const ChatFormat& format, std::string_view system);

/// What the model reads for a turn; `opened` if an opening text stands before this one.
std::string turn_text(const ChatFormat& format, std::string_view user, bool opened);

}  // namespace linnet::cli
