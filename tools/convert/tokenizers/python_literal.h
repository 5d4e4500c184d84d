#pragma once

#include <string>
#include <string_view>

namespace linnet::convert {

/// The bytes of a string ('…', "…": as UTF-8) or bytes literal (b'…', b"…") of Python, which must
/// fill `literal`. Throws std::runtime_error saying what is wrong with it.
std::string parse_python_literal(std::string_view literal);

}  // namespace linnet::convert
