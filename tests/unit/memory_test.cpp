#include "runtime/base/memory.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "runtime/base/array.h"
#include "runtime/base/list.h"

namespace {

using linnet::AllocatorScope;
using linnet::Array;
using linnet::Block;
using linnet::List;

/// Counts what is out, and has nothing from the `fails_at`th call on.
struct Counter {
  size_t calls = 0;
  size_t out = 0;
  size_t fails_at = SIZE_MAX;

  linnet_allocator allocator() {
    return {.allocate = [](size_t bytes, void* context) -> void* {
              auto* self = static_cast<Counter*>(context);
              if (self->calls++ >= self->fails_at) return nullptr;
              ++self->out;
              return std::malloc(bytes);
            },
            .release =
                [](void* memory, void* context) {
                  --static_cast<Counter*>(context)->out;
                  std::free(memory);
                },
            .context = this};
  }
};

}  // namespace

TEST_CASE("memory comes from the innermost scope's allocator and goes back to it in any scope") {
  Counter outer;
  Counter inner;
  const linnet_allocator outer_allocator = outer.allocator();
  const linnet_allocator inner_allocator = inner.allocator();
  Array<int> numbers;
  Array<int> others;
  {
    const AllocatorScope outer_scope(&outer_allocator);
    {
      const AllocatorScope scope(&inner_allocator);
      REQUIRE(numbers.allocate(3));
    }
    REQUIRE(others.allocate(3));
  }
  CHECK(inner.out == 1);
  CHECK(outer.out == 1);
  REQUIRE(numbers.allocate(5));  // of the C library
  CHECK(inner.out == 0);
  others.clear();
  CHECK(outer.out == 0);
}

TEST_CASE("a model without an allocator of its own takes the C library's, within another's too") {
  Counter outer;
  const linnet_allocator outer_allocator = outer.allocator();
  const linnet_allocator none = {};
  const AllocatorScope scope(&outer_allocator);
  const AllocatorScope inner(&none);
  Array<int> numbers;
  REQUIRE(numbers.allocate(3));
  CHECK(outer.calls == 0);
}

TEST_CASE("a failing allocator leaves containers as they were") {
  Counter counter;
  const linnet_allocator allocator = counter.allocator();
  const AllocatorScope scope(&allocator);
  List<char> text;
  REQUIRE(text.append("one", 3));
  counter.fails_at = counter.calls;
  CHECK_FALSE(text.reserve(1000));
  CHECK(std::memcmp(text.data(), "one", 3) == 0);
  Array<int> numbers;
  CHECK_FALSE(numbers.allocate(1));
  CHECK(numbers.empty());
  Block block;
  CHECK_FALSE(block.allocate(100));
  CHECK(block.size() == 0);
  CHECK(counter.out == 1);
}

TEST_CASE("a list that grows keeps its content and gives the smaller memory back") {
  Counter counter;
  const linnet_allocator allocator = counter.allocator();
  {
    const AllocatorScope scope(&allocator);
    List<int> numbers;
    for (int i = 0; i < 1000; ++i) REQUIRE(numbers.push(i));
    CHECK(counter.calls > 1);
    CHECK(counter.out == 1);
    for (size_t i = 0; i < 1000; ++i) CHECK(numbers[i] == static_cast<int>(i));
  }
  CHECK(counter.out == 0);
}

TEST_CASE("a block is zeroed and lies on its boundary, whoever gives the memory") {
  Counter counter;
  const linnet_allocator allocator = counter.allocator();
  Block of_the_system;
  REQUIRE(of_the_system.allocate(100));
  {
    const AllocatorScope scope(&allocator);
    Block of_the_caller;
    REQUIRE(of_the_caller.allocate(100));
    CHECK(of_the_caller.size() == 100);
    for (const Block* block : {&of_the_system, &of_the_caller}) {
      CHECK(reinterpret_cast<uintptr_t>(block->data()) % 64 == 0);
      constexpr std::array<std::byte, 100> zeroes = {};
      CHECK(std::memcmp(block->data(), zeroes.data(), zeroes.size()) == 0);
    }
  }
  CHECK(counter.calls == 1);
  CHECK(counter.out == 0);
}

TEST_CASE("memory lies on the boundary asked for") {
  for (const size_t alignment : {size_t{16}, size_t{64}, size_t{4096}}) {
    void* memory = linnet::allocate_memory(10, alignment);
    REQUIRE(memory != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(memory) % alignment == 0);
    std::memset(memory, 1, 10);
    linnet::release_memory(memory);
  }
  CHECK(linnet::allocate_memory(SIZE_MAX - 8) == nullptr);
  linnet::release_memory(nullptr);
}
