// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Products with a few vectors at once, norms, and what else layers are made of. LANES vectors, the branches of
// guidance, go through all of them side by side: a weight is read once for all.

constexpr float EPSILON = 1.1920929e-07f;  // of float32, as PyTorch's norm has it

// Four numbers, and eight weights, that lie together from a multiple of 16 bytes on.
struct alignas(16) Four {
  float of[4];
};
FN Four four(const float* at) { return *reinterpret_cast<const Four*>(at); }
FN float dot(const Four& one, const float* two) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) sum += one.of[i] * two[i];
  return sum;
}

#if !HALF
typedef float Weight;
#elif defined(__CUDACC__)
typedef unsigned short Weight;
#else
typedef _Float16 Weight;
#endif

#if HALF && defined(__CUDACC__)
struct Eight {
  uint4 bits;

  FN_MEMBER void load(const Weight* at) { bits = __ldg(reinterpret_cast<const uint4*>(at)); }
  FN_MEMBER static void unpack(unsigned pair, float* to) {
    asm("{.reg .f16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h;}"
        : "=f"(to[0]), "=f"(to[1])
        : "r"(pair));
  }
  FN_MEMBER void get(float* to) const {
    unpack(bits.x, to), unpack(bits.y, to + 2), unpack(bits.z, to + 4), unpack(bits.w, to + 6);
  }
};
#else
struct Eight {
  struct alignas(16) {
    Weight of[8];
  } all;

  FN_MEMBER void load(const Weight* at) { all = *reinterpret_cast<const decltype(all)*>(at); }
  FN_MEMBER void get(float* to) const {
    for (int i = 0; i < 8; ++i) to[i] = float(all.of[i]);
  }
};
#endif

FN float square(float x) { return x * x; }
FN float silu(float x) { return x / (1 + expf(-x)); }
FN float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678f)); }

// One over the root mean square of x [N]; every warp finds it for itself.
template <int N> FN float norm_of(const float* x) {
  float total = 0;
#pragma unroll
  for (int first = 0; first < N; first += WARP)
    if (first + lane() < N) total += square(x[first + lane()]);
  return 1 / sqrtf(of_warp<Sum>(total) / N + EPSILON);
}

// put(l, row, weight[row] . x[l]) for all rows of weight [rows, IN], an even number, and all vectors x [MANY, stride].
// A thread has two quads of each SPAN columns, its own of both halves, which lie together in the weight
// (core/cuda/job.py) and not in x: so a group reads neighbouring quads of x, whose memory banks differ.
template <int MANY, int IN, class Put>
FN void product(const Weight* weight, int rows, const float* x, int stride, Put put) {
  constexpr int SPAN = 8 * GROUP, COUNT = IN / SPAN;
  constexpr int BATCH = COUNT % 4 == 0 ? 4 : COUNT % 3 == 0 ? 3 : COUNT % 2 == 0 ? 2 : 1;  // loads under way at once
  static_assert(IN % SPAN == 0, "a group shares rows evenly");
  ROLLED
  for (int base = 0; base < rows; base += 2 * GROUPS) {
    const int row = base + 2 * group();
    float sums[2][MANY] = {};
    if (row < rows) {
      const Weight* from = weight + (long long)row * IN + 8 * member();
      const float* quads = x + 4 * member();
      ROLLED
      for (int first = 0; first < IN; first += BATCH * SPAN) {
        Eight one[BATCH], two[BATCH];
#pragma unroll
        for (int k = 0; k < BATCH; ++k) {
          one[k].load(from + first + k * SPAN);
          two[k].load(from + IN + first + k * SPAN);
        }
#pragma unroll
        for (int k = 0; k < BATCH; ++k) {
          float a[8], b[8];
          one[k].get(a);
          two[k].get(b);
#pragma unroll
          for (int l = 0; l < MANY; ++l) {
            const float* at = quads + l * stride + first + k * SPAN;
            const Four low = four(at), high = four(at + 4 * GROUP);
            sums[0][l] += dot(low, a) + dot(high, a + 4);
            sums[1][l] += dot(low, b) + dot(high, b + 4);
          }
        }
      }
    }
#pragma unroll
    for (int l = 0; l < MANY; ++l) {
      const float first = of_group(sums[0][l]), second = of_group(sums[1][l]);
      if (member() == 0 && row < rows) {
        put(l, row, first);
        put(l, row + 1, second);
      }
    }
  }
}

// What a thread has of the product of two vectors [N]; its group has all of it.
template <int N> FN float share_of_dot(const float* one, const float* two) {
  static_assert(N % (4 * GROUP) == 0, "a group shares vectors evenly");
  float sum = 0;
#pragma unroll
  for (int i = 4 * member(); i < N; i += 4 * GROUP) sum += dot(four(one + i), four(two + i).of);
  return sum;
}

// x [2 HALF_WIDTH] times scale, its halves rotated by the angles of a place: put(i, value).
template <int HALF_WIDTH, class Put>
FN void turn(const float* x, float scale, const float* cosines, const float* sines, int first, int step, Put put) {
  ROLLED
  for (int i = first; i < HALF_WIDTH; i += step) {
    const float a = x[i] * scale, b = x[i + HALF_WIDTH] * scale;
    put(i, a * cosines[i] - b * sines[i]);
    put(i + HALF_WIDTH, a * sines[i] + b * cosines[i]);
  }
}
