// The model: 3,456 bytes, kept in flash.
#pragma once

#include <cstddef>
#include <cstdint>

constexpr std::size_t kModelBytes = 3456;
extern const std::uint8_t kModel[kModelBytes];
