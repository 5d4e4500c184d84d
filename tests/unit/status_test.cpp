#include "runtime/base/status.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

using linnet::Status;

TEST_CASE("success carries no message") {
  CHECK_FALSE(Status::ok().failed());
  CHECK(Status::ok().code() == LINNET_OK);
  CHECK(std::string(Status::ok().message()).empty());
}

TEST_CASE("an error keeps its code and formats its message") {
  const Status status = Status::error(LINNET_INVALID_MODEL, "tensor %s: %d", "x", 3);
  CHECK(status.failed());
  CHECK(status.code() == LINNET_INVALID_MODEL);
  CHECK(std::string(status.message()) == "tensor x: 3");
}

TEST_CASE("within puts the place before the message") {
  const Status status = Status::error(LINNET_IO_ERROR, "is gone").within("%s: ", "model.linnet");
  CHECK(status.code() == LINNET_IO_ERROR);
  CHECK(std::string(status.message()) == "model.linnet: is gone");
}

TEST_CASE("messages longer than their room are cut and stay terminated") {
  const std::string longer(2000, 'x');
  const Status status = Status::error(LINNET_INTERNAL, "%s", longer.c_str());
  CHECK(std::strlen(status.message()) == sizeof(linnet_message::text) - 1);
  const Status nested = status.within("%s: ", longer.c_str());
  CHECK(std::strlen(nested.message()) == sizeof(linnet_message::text) - 1);
}
