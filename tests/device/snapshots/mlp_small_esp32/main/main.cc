// Loads the model, runs its self-test once and prints PASS or FAIL for each case.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "cases.h"
#include "model.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_time.h"
#include "tensorflow/lite/schema/schema_generated.h"

// Releases differ in where the runtime's names live: tflite, tflite::micro or the global namespace.
namespace tflite {
namespace micro {}
}  // namespace tflite
using namespace tflite;
using namespace tflite::micro;

namespace {

// The smallest arena with which allocation succeeds (esp-nn kernels), rounded up to 16.
constexpr std::size_t kArenaBytes = 1584;
alignas(16) std::uint8_t arena[kArenaBytes];

using Resolver = MicroMutableOpResolver<2>;

TfLiteStatus AddOperators(Resolver& resolver) {
  TF_LITE_ENSURE_STATUS(resolver.AddFullyConnected());
  TF_LITE_ENSURE_STATUS(resolver.AddSoftmax());
  return kTfLiteOk;
}

bool FillInput(TfLiteTensor* tensor, const std::uint8_t* values, std::size_t bytes) {
  if (tensor == nullptr || tensor->bytes != bytes) return false;
  std::memcpy(tensor->data.raw, values, bytes);
  return true;
}

template <typename T>
bool OutputMatches(const TfLiteTensor* tensor, const std::uint8_t* wanted, std::size_t bytes,
                   double tolerance) {
  if (tensor == nullptr || tensor->bytes != bytes) return false;
  if (tolerance == 0) return std::memcmp(tensor->data.raw, wanted, bytes) == 0;
  for (std::size_t at = 0; at < bytes; at += sizeof(T)) {
    T found, right;
    std::memcpy(&found, tensor->data.raw + at, sizeof(T));
    std::memcpy(&right, wanted + at, sizeof(T));
    const double difference = static_cast<double>(found) - static_cast<double>(right);
    if (!(std::fabs(difference) <= tolerance)) return false;
  }
  return true;
}

bool RunCase(MicroInterpreter& interpreter, int number, std::uint32_t* ticks) {
  if (interpreter.Reset() != kTfLiteOk) return false;
  if (!FillInput(interpreter.input(0), kInput0[number], kInput0Bytes)) {
    return false;
  }
  const std::uint32_t start = GetCurrentTimeTicks();
  if (interpreter.Invoke() != kTfLiteOk) return false;
  *ticks = GetCurrentTimeTicks() - start;
  if (!OutputMatches<int8_t>(interpreter.output(0), kOutput0[number],
          kOutput0Bytes, kOutput0Tolerance)) {
    return false;
  }
  return true;
}

int RunSelfTest(MicroInterpreter& interpreter) {
  int passed = 0;
  for (int number = 0; number < kCases; ++number) {
    std::uint32_t ticks = 0;
    const bool is_right = RunCase(interpreter, number, &ticks);
    passed += is_right;
    const double seconds = static_cast<double>(ticks) / ticks_per_second();
    std::printf("case %d of %d: %s, %.3f ms\n", number + 1, kCases, is_right ? "PASS" : "FAIL",
                1000 * seconds);
  }
  return passed;
}

}  // namespace

extern "C" void app_main(void) {
  const Model* model = GetModel(kModel);
  static Resolver resolver;
  if (model->version() != TFLITE_SCHEMA_VERSION || AddOperators(resolver) != kTfLiteOk) {
    std::printf("self-test: FAIL, the runtime does not know the model's schema or operators\n");
    return;
  }
  static MicroInterpreter interpreter(model, resolver, arena, kArenaBytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    std::printf("self-test: FAIL, an arena of %u bytes is too small for this runtime\n",
                static_cast<unsigned>(kArenaBytes));
    return;
  }
  std::printf("arena: %u of %u bytes used\n", static_cast<unsigned>(interpreter.arena_used_bytes()),
              static_cast<unsigned>(kArenaBytes));
  const int passed = RunSelfTest(interpreter);
  std::printf("self-test: %s, %d of %d cases\n", passed == kCases ? "PASS" : "FAIL", passed,
              kCases);
}
