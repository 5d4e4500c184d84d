#pragma once

#include <cstddef>
#include <cstdint>

// What libFuzzer calls: https://llvm.org/docs/LibFuzzer.html. Every target here defines the first
// function, and the model's also the second. driver.cpp stands in for libFuzzer where the compiler
// has none.

/// Runs one input; whatever it is, this returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/// Changes an input of `size` bytes in place, within `max_size`; its new size.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed);

/// The fuzzer's own mutations, for use by the former.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
