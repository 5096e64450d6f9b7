// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The layers of core/nn that writing needs: products with a few vectors at once, norms, and a step of a trunk.
//
// LANES vectors, the branches of guidance, go through all of them side by side: a weight is read once for all.

constexpr float EPSILON = 1.1920929e-07f;  // of float32, as PyTorch's norm has it

// Four numbers, and eight weights, that lie together from a multiple of 16 bytes on (weights in float32: of 32).
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
// A thread has two quads of each SPAN columns, its own of both halves, which lie together in the weight (core/cuda/job.py)
// and not in x: so a group reads neighbouring quads of x, whose memory banks differ.
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

constexpr int WIDTH = DIM / HEADS, STEP = 32;  // of a head; positions that a warp looks at together
constexpr int WIDE = 4 * DIM > 3 * CODE_WIDTH ? 4 * DIM : 3 * CODE_WIDTH;
constexpr int UNITS = LANES * HEADS, PARTS = WARPS > UNITS ? WARPS / UNITS : 1;
static_assert(WIDTH % WARP == 0 && WIDTH % 8 == 0, "heads are split between the threads of a warp");

#define VECTOR alignas(16) float  // which is read eight numbers at a time

struct Scratch {
  Found found;  // first: see Team
  VECTOR x[LANES * DIM];  // the stream through the blocks
  VECTOR seen[LANES * DIM];
  VECTOR wide[LANES * WIDE];
  float scores[WARPS * STEP];
  float parts[UNITS * PARTS * WIDTH], best[UNITS * PARTS], total[UNITS * PARTS];
};

// A trunk of `depth` blocks, weights one after the other: queries, keys and values [3 d, d], out [d, d], up [4 d, d],
// down [d, 4 d]; norms are in them. Its cache: keys and values [depth, LANES x rows, HEADS, capacity, WIDTH].
struct Trunk {
  const Weight* weights;
  const float *norm, *cosines, *sines;
  float *keys, *values;
  int depth, capacity, rows, row;

  FN_MEMBER long long place(int layer, int l, int head) const {
    return (((long long)layer * LANES * rows + l * rows + row) * HEADS + head) * capacity * WIDTH;
  }
};

// The part of a head's attention that this warp does: the positions up to `at` that are its own, in one pass.
FN void attend(const float* query, const float* keys, const float* values, int at, int part, float* scores, float* to,
               float& best, float& total) {
  constexpr int EACH = STEP * GROUP / WARP, BURST = 8;
  float sums[WIDTH / WARP] = {};
  best = -INF, total = 0;
  ROLLED
  for (int first = part * STEP; first <= at; first += PARTS * STEP) {
    const int count = at + 1 - first < STEP ? at + 1 - first : STEP;
    float dots[EACH];  // loads of all before the first of them is waited for
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
      const int j = Least::of(k * (WARP / GROUP) + lane() / GROUP, count - 1);
      dots[k] = share_of_dot<WIDTH>(query, keys + (long long)(first + j) * WIDTH);
    }
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
      const int j = k * (WARP / GROUP) + lane() / GROUP;
      const float score = of_group(dots[k]) / sqrtf(float(WIDTH));
      if (member() == 0) scores[j] = j < count ? score : -INF;
    }
    meet_warp();
    float largest = best;
    ROLLED
    for (int j = lane(); j < STEP; j += WARP) largest = Largest::of(largest, scores[j]);
    largest = of_warp<Largest>(largest);
    float found = 0;
    ROLLED
    for (int j = lane(); j < STEP; j += WARP) {
      scores[j] = j < count ? expf(scores[j] - largest) : 0.f;
      found += scores[j];
    }
    meet_warp();
    const float shrunk = expf(best - largest);
    best = largest;
    total = total * shrunk + of_warp<Sum>(found);
    for (int i = 0; i < WIDTH / WARP; ++i) sums[i] *= shrunk;
    ROLLED
    for (int burst = 0; burst < count; burst += BURST)
#pragma unroll
      for (int j = burst; j < burst + BURST; ++j)  // scores past the last are 0
        for (int i = 0; i < WIDTH / WARP; ++i)
          sums[i] += scores[j] * values[(long long)(first + Least::of(j, count - 1)) * WIDTH + lane() + i * WARP];
    meet_warp();
  }
  for (int i = 0; i < WIDTH / WARP; ++i) to[lane() + i * WARP] = sums[i];
}

// One position: scratch.x [LANES, d] at position `at`, which has read all before -> hidden [LANES, d].
CALLED void step(const Trunk& trunk, int at, float* hidden) {
  Scratch& scratch = shared_as<Scratch>();
  float *x = scratch.x, *wide = scratch.wide;
  const float *cosines = trunk.cosines + at * (WIDTH / 2), *sines = trunk.sines + at * (WIDTH / 2);
  ROLLED
  for (int layer = 0; layer < trunk.depth; ++layer) {
    const Weight* weights = trunk.weights + 12ll * DIM * DIM * layer;
    float scale[LANES];
    for (int l = 0; l < LANES; ++l) scale[l] = norm_of<DIM>(x + l * DIM);
    product<LANES, DIM>(weights, 3 * DIM, x, DIM, [&](int l, int row, float y) {
      wide[l * WIDE + row] = y * scale[l];
    });
    meet();
    ROLLED
    for (int unit = warp(); unit < 2 * UNITS; unit += WARPS) {
      const int l = unit / (2 * HEADS), head = unit % HEADS;
      const bool is_key = unit / HEADS % 2;
      float* own = wide + l * WIDE + is_key * DIM + head * WIDTH;
      float* to = is_key ? trunk.keys + trunk.place(layer, l, head) + (long long)at * WIDTH : own;
      turn<WIDTH / 2>(own, norm_of<WIDTH>(own), cosines, sines, lane(), WARP, [&](int i, float y) { to[i] = y; });
    }
    ROLLED
    for (int i = thread(); i < LANES * DIM; i += THREADS) {
      const int l = i / DIM, head = i % DIM / WIDTH;
      float* to = trunk.values + trunk.place(layer, l, head) + (long long)at * WIDTH;
      to[i % WIDTH] = wide[l * WIDE + 2 * DIM + i % DIM];
    }
    meet();
    ROLLED
    for (int item = warp(); item < UNITS * PARTS; item += WARPS) {
      const int unit = item / PARTS, l = unit / HEADS, head = unit % HEADS;
      const long long place = trunk.place(layer, l, head);
      float best, total;
      attend(wide + l * WIDE + head * WIDTH, trunk.keys + place, trunk.values + place, at, item % PARTS,
             scratch.scores + warp() * STEP, scratch.parts + item * WIDTH, best, total);
      if (lane() == 0) scratch.best[item] = best, scratch.total[item] = total;
    }
    meet();
    ROLLED
    for (int i = thread(); i < LANES * DIM; i += THREADS) {
      const int first = i / WIDTH * PARTS;
      float best = -INF, value = 0, total = 0;
      ROLLED
      for (int part = first; part < first + PARTS; ++part) best = Largest::of(best, scratch.best[part]);
      ROLLED
      for (int part = first; part < first + PARTS; ++part) {
        const float share = expf(scratch.best[part] - best);
        value += share * scratch.parts[part * WIDTH + i % WIDTH];
        total += share * scratch.total[part];
      }
      scratch.seen[i] = value / total;
    }
    meet();
    weights += 3 * DIM * DIM;
    product<LANES, DIM>(weights, DIM, scratch.seen, DIM, [&](int l, int row, float y) { x[l * DIM + row] += y; });
    meet();
    weights += DIM * DIM;
    for (int l = 0; l < LANES; ++l) scale[l] = norm_of<DIM>(x + l * DIM);
    product<LANES, DIM>(weights, 4 * DIM, x, DIM, [&](int l, int row, float y) {
      y *= scale[l];
      wide[l * WIDE + row] = y > 0 ? square(y) : 0.f;
    });
    meet();
    weights += 4 * DIM * DIM;
    product<LANES, 4 * DIM>(weights, DIM, wide, WIDE, [&](int l, int row, float y) { x[l * DIM + row] += y; });
    meet();
  }
  for (int l = 0; l < LANES; ++l) {
    const float scale = norm_of<DIM>(x + l * DIM);
    ROLLED
    for (int i = thread(); i < DIM; i += THREADS) hidden[l * DIM + i] = x[l * DIM + i] * scale * trunk.norm[i];
  }
  meet();
}
