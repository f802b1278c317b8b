// Stand-in for the runtime's header: its methods by name, each counted, nothing registered.
#pragma once

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

#define TF_LITE_ENSURE_STATUS(a)      \
  do {                                \
    const TfLiteStatus s = (a);       \
    if (s != kTfLiteOk) return s;     \
  } while (0)

#ifdef STUB_MICRO
namespace tflite::micro {
#else
namespace tflite {
#endif
class MicroOpResolver {};

#define STUB_METHOD(name) \
  TfLiteStatus name() { return ++count_ <= kRoom ? kTfLiteOk : kTfLiteError; }

template <unsigned int kRoom>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  STUB_METHOD(AddAbs)
  STUB_METHOD(AddAdd)
  STUB_METHOD(AddAddN)
  STUB_METHOD(AddArgMax)
  STUB_METHOD(AddArgMin)
  STUB_METHOD(AddAssignVariable)
  STUB_METHOD(AddAveragePool2D)
  STUB_METHOD(AddBatchMatMul)
  STUB_METHOD(AddBatchToSpaceNd)
  STUB_METHOD(AddBroadcastArgs)
  STUB_METHOD(AddBroadcastTo)
  STUB_METHOD(AddCallOnce)
  STUB_METHOD(AddCast)
  STUB_METHOD(AddCeil)
  STUB_METHOD(AddConcatenation)
  STUB_METHOD(AddConv2D)
  STUB_METHOD(AddCos)
  STUB_METHOD(AddCumSum)
  STUB_METHOD(AddDepthToSpace)
  STUB_METHOD(AddDepthwiseConv2D)
  STUB_METHOD(AddDequantize)
  STUB_METHOD(AddDiv)
  STUB_METHOD(AddElu)
  STUB_METHOD(AddEmbeddingLookup)
  STUB_METHOD(AddEqual)
  STUB_METHOD(AddExp)
  STUB_METHOD(AddExpandDims)
  STUB_METHOD(AddFill)
  STUB_METHOD(AddFloor)
  STUB_METHOD(AddFloorDiv)
  STUB_METHOD(AddFloorMod)
  STUB_METHOD(AddFullyConnected)
  STUB_METHOD(AddGather)
  STUB_METHOD(AddGatherNd)
  STUB_METHOD(AddGreater)
  STUB_METHOD(AddGreaterEqual)
  STUB_METHOD(AddHardSwish)
  STUB_METHOD(AddIf)
  STUB_METHOD(AddL2Normalization)
  STUB_METHOD(AddL2Pool2D)
  STUB_METHOD(AddLeakyRelu)
  STUB_METHOD(AddLess)
  STUB_METHOD(AddLessEqual)
  STUB_METHOD(AddLog)
  STUB_METHOD(AddLogSoftmax)
  STUB_METHOD(AddLogicalAnd)
  STUB_METHOD(AddLogicalNot)
  STUB_METHOD(AddLogicalOr)
  STUB_METHOD(AddLogistic)
  STUB_METHOD(AddMaxPool2D)
  STUB_METHOD(AddMaximum)
  STUB_METHOD(AddMean)
  STUB_METHOD(AddMinimum)
  STUB_METHOD(AddMirrorPad)
  STUB_METHOD(AddMul)
  STUB_METHOD(AddNeg)
  STUB_METHOD(AddNotEqual)
  STUB_METHOD(AddPack)
  STUB_METHOD(AddPad)
  STUB_METHOD(AddPadV2)
  STUB_METHOD(AddPrelu)
  STUB_METHOD(AddQuantize)
  STUB_METHOD(AddReadVariable)
  STUB_METHOD(AddReduceMax)
  STUB_METHOD(AddReduceMin)
  STUB_METHOD(AddRelu)
  STUB_METHOD(AddRelu6)
  STUB_METHOD(AddReshape)
  STUB_METHOD(AddResizeBilinear)
  STUB_METHOD(AddResizeNearestNeighbor)
  STUB_METHOD(AddReverseV2)
  STUB_METHOD(AddRound)
  STUB_METHOD(AddRsqrt)
  STUB_METHOD(AddSelectV2)
  STUB_METHOD(AddShape)
  STUB_METHOD(AddSin)
  STUB_METHOD(AddSlice)
  STUB_METHOD(AddSoftmax)
  STUB_METHOD(AddSpaceToBatchNd)
  STUB_METHOD(AddSpaceToDepth)
  STUB_METHOD(AddSplit)
  STUB_METHOD(AddSplitV)
  STUB_METHOD(AddSqrt)
  STUB_METHOD(AddSquare)
  STUB_METHOD(AddSquaredDifference)
  STUB_METHOD(AddSqueeze)
  STUB_METHOD(AddStridedSlice)
  STUB_METHOD(AddSub)
  STUB_METHOD(AddSum)
  STUB_METHOD(AddSvdf)
  STUB_METHOD(AddTanh)
  STUB_METHOD(AddTranspose)
  STUB_METHOD(AddTransposeConv)
  STUB_METHOD(AddUnidirectionalSequenceLSTM)
  STUB_METHOD(AddUnpack)
  STUB_METHOD(AddVarHandle)
  STUB_METHOD(AddWhile)
  STUB_METHOD(AddZerosLike)

 private:
  unsigned int count_ = 0;
};
#undef STUB_METHOD
}  // namespace
