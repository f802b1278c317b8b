// Inputs of the self-test, and the outputs that TFLM gave for them on a PC.
#pragma once

#include <cstddef>
#include <cstdint>

constexpr int kCases = 5;
constexpr std::size_t kInput0Bytes = 16;
extern const std::uint8_t kInput0[kCases][kInput0Bytes];
constexpr std::size_t kOutput0Bytes = 4;
constexpr double kOutput0Tolerance = 0;
extern const std::uint8_t kOutput0[kCases][kOutput0Bytes];
