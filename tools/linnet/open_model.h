#pragma once

#include <linnet/linnet.hpp>
#include <string>

namespace linnet::cli {

/// Throws std::runtime_error with the result's message unless the call worked.
void require(const Result& result);

/// Opens a model file, with progress on a terminal. Throws std::runtime_error with a message that
/// says what to do, such as to convert a checkpoint first.
Model open_model(const std::string& path);

/// The options with the header's defaults in place of zeros, but for threads.
linnet_session_options with_defaults(linnet_session_options options);

/// Opens a session, or throws std::runtime_error.
Session open_session(const Model& model, const linnet_session_options& options,
                     void* memory = nullptr);

}  // namespace linnet::cli
