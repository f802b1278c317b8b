// Stand-in for the runtime's header: a clock that moves by one millisecond a reading.
#pragma once

#include <cstdint>

#ifdef STUB_MICRO
namespace tflite::micro {
#else
namespace tflite {
#endif
inline std::uint32_t ticks_per_second() { return 1000; }
inline std::uint32_t GetCurrentTimeTicks() {
  static std::uint32_t now = 0;
  return now++;
}
}  // namespace
