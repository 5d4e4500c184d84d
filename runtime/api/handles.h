#pragma once

#include <linnet/linnet.h>

#include <memory>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/base/status.h"
#include "runtime/exec/session.h"
#include "runtime/model/model.h"
#include "runtime/text/tokenizer.h"

// What the C API's opaque handles are.

struct linnet_model : linnet::FromAllocator {
  linnet_allocator allocator = {};  // of all that the model and its sessions take
  linnet::Log log;
  std::unique_ptr<linnet::Model> model;
  linnet::Tokenizer tokenizer;
};

struct linnet_session : linnet::FromAllocator {
  const linnet_model* model = nullptr;
  std::unique_ptr<linnet::Session> session;
};

namespace linnet {

/// Hands a status over to a C caller.
linnet_status report(const Status& status, linnet_message* why);

}  // namespace linnet
