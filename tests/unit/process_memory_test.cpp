#include "tools/linnet/process_memory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "tests/unit/sanitizer.h"
#include "tests/unit/temp_folder.h"

// Sanitizers and emulators have memory of their own.
#if defined(__linux__) && defined(__x86_64__) && !defined(LINNET_SANITIZED)

namespace linnet::cli {
namespace {

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

TEST_CASE("pages in use are counted one by one") {
  const size_t page = page_bytes();
  const CountedPages block(10 * page - 1);
  CHECK(block.size() == 10 * page);
  REQUIRE(block.bytes_in_use().has_value());
  CHECK(*block.bytes_in_use() == 0);
  auto* bytes = static_cast<char*>(block.data());
  bytes[0] = 1;
  bytes[3 * page + 5] = 1;
  bytes[3 * page + 6] = 1;
  CHECK(*block.bytes_in_use() == 2 * page);
  std::memset(bytes, 1, 10 * page - 1);
  CHECK(*block.bytes_in_use() == 10 * page);
}

TEST_CASE("private memory grows by what is used") {
  const auto before = process_memory();
  REQUIRE(before.has_value());
  const size_t size = size_t{16} << 20;
  const CountedPages block(size);
  std::memset(block.data(), 1, size);
  const auto after = process_memory();
  REQUIRE(after.has_value());
  const uint64_t grown = after->private_bytes - before->private_bytes;
  CHECK(grown >= size);
  CHECK(grown < size + (size_t{1} << 20));
  CHECK(after->resident_bytes >= after->private_bytes);
}

#if defined(__GLIBC__)
TEST_CASE("private mappings are told from the heap") {
  const size_t size = size_t{1} << 20;
  const CountedPages block(size);
  const auto before = private_mapping_bytes();
  REQUIRE(before.has_value());
  const std::vector<char> small(10'000, 'x');
  const std::vector<char> large(size, 'x');
  CHECK(*private_mapping_bytes() <= *before + page_bytes());
  std::memset(block.data(), 1, size);
  const uint64_t grown = *private_mapping_bytes() - *before;
  CHECK(grown >= size);
  CHECK(grown <= size + page_bytes());
}
#endif

TEST_CASE("a mapped file is found by its path") {
  const test::TempFolder folder;
  const size_t page = page_bytes();
  const std::string path = folder.write("mapped", std::string(3 * page, 'x'));
  const int file = open(path.c_str(), O_RDONLY);
  void* data = mmap(nullptr, 3 * page, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  REQUIRE(data != MAP_FAILED);
  const auto found = mapped_file(path);
  REQUIRE(found.has_value());
  CHECK(found->mapped_bytes == 3 * page);
  CHECK(found->resident_bytes <= 3 * page);
  munmap(data, 3 * page);
  CHECK(mapped_file(path)->mapped_bytes == 0);
  CHECK_FALSE(mapped_file(folder.file("missing")).has_value());
}

}  // namespace linnet::cli

#endif
