#include "tools/convert/formats/output_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "tests/unit/temp_folder.h"

namespace linnet::convert {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

auto entries_of(const std::string& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

}  // namespace

TEST_CASE("a file that is not committed leaves nothing behind") {
  const test::TempFolder folder;
  {
    OutputFile file(folder.file("model"));
    file.write(bytes("half"));
    CHECK(entries_of(folder.path()) == 1);
    CHECK(!std::filesystem::exists(folder.file("model")));
  }
  CHECK(entries_of(folder.path()) == 0);
}

TEST_CASE("a file that is not committed leaves an earlier one as it was") {
  const test::TempFolder folder;
  folder.write("model", "earlier");
  { OutputFile(folder.file("model")).write(bytes("later")); }
  CHECK(test::read_file(folder.file("model")) == "earlier");
}

TEST_CASE("commit replaces an earlier file at once") {
  const test::TempFolder folder;
  folder.write("model", "an earlier, longer one");
  OutputFile file(folder.file("model"));
  file.write(bytes("later"));
  CHECK(test::read_file(folder.file("model")) == "an earlier, longer one");
  file.commit();
  CHECK(test::read_file(folder.file("model")) == "later");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("what is written in pieces of any size is the file") {
  const test::TempFolder folder;
  OutputFile file(folder.file("model"));
  std::string whole;
  for (const size_t size :
       {size_t{1}, size_t{5} << 20, size_t{0}, size_t{3} << 20, size_t{10} << 20}) {
    const std::string piece(size, static_cast<char>('a' + whole.size() % 26));
    file.write(bytes(piece));
    whole += piece;
    CHECK(file.position() == whole.size());
  }
  file.commit();
  CHECK((test::read_file(folder.file("model")) == whole));
}

TEST_CASE("padding goes to the next multiple and writes zeros") {
  const test::TempFolder folder;
  OutputFile file(folder.file("model"));
  file.pad_to(64);
  CHECK(file.position() == 0);
  file.write(bytes("x"));
  file.pad_to(16384);
  CHECK(file.position() == 16384);
  file.pad_to(64);
  CHECK(file.position() == 16384);
  file.commit();
  CHECK(test::read_file(folder.file("model")) == "x" + std::string(16383, '\0'));
}

TEST_CASE("two writers of one path do not share a partial file") {
  const test::TempFolder folder;
  OutputFile first(folder.file("model"));
  OutputFile second(folder.file("model"));
  first.write(bytes("first"));
  second.write(bytes("2nd"));
  second.commit();
  CHECK(test::read_file(folder.file("model")) == "2nd");
  first.commit();
  CHECK(test::read_file(folder.file("model")) == "first");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("failures name the path and the reason") {
  const test::TempFolder folder;
  CHECK_FAILS_WITH(OutputFile(folder.file("none/model")),
                   "none/model: cannot create: No such file");
  CHECK_FAILS_WITH(OutputFile(folder.path()), "is a folder");
}

TEST_CASE("a rename that fails leaves no partial file") {
  const test::TempFolder folder;
  {
    OutputFile file(folder.file("model"));
    std::filesystem::create_directory(folder.file("model"));
    CHECK_FAILS_WITH(file.commit(), "model: cannot put in place: ");
  }
  CHECK(entries_of(folder.path()) == 1);
}

}  // namespace linnet::convert
