// Stand-in for the runtime's header: only what the generated project uses.
#pragma once

#include <cstdint>

namespace tflite {
struct Model {
  std::uint32_t version() const { return 3; }
};
inline const Model* GetModel(const void* data) { return static_cast<const Model*>(data); }
}  // namespace tflite
