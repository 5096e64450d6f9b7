// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The layers of core/nn that writing needs: products with a few vectors at once, norms, and a step of a trunk.
//
// LANES vectors, the branches of guidance, go through all of them side by side: a weight is read once for all.

constexpr float EPSILON = 1.1920929e-07f;  // of float32, as PyTorch's norm has it

// Eight numbers that lie together, from a multiple of 16 bytes on.
FN void load(const float* at, float* to) {
#ifdef __CUDACC__
  const float4 a = reinterpret_cast<const float4*>(at)[0], b = reinterpret_cast<const float4*>(at)[1];
  to[0] = a.x, to[1] = a.y, to[2] = a.z, to[3] = a.w, to[4] = b.x, to[5] = b.y, to[6] = b.z, to[7] = b.w;
#else
  for (int i = 0; i < 8; ++i) to[i] = at[i];
#endif
}

#if !HALF
typedef float Weight;
#elif defined(__CUDACC__)
typedef unsigned short Weight;
FN void unpack(unsigned pair, float& low, float& high) {
  asm("{.reg .f16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h;}"
      : "=f"(low), "=f"(high)
      : "r"(pair));
}
FN void load(const Weight* at, float* to) {
  const uint4 bits = __ldg(reinterpret_cast<const uint4*>(at));
  unpack(bits.x, to[0], to[1]);
  unpack(bits.y, to[2], to[3]);
  unpack(bits.z, to[4], to[5]);
  unpack(bits.w, to[6], to[7]);
}
#else
typedef _Float16 Weight;
FN void load(const Weight* at, float* to) {
  for (int i = 0; i < 8; ++i) to[i] = float(at[i]);
}
#endif

FN float dot(const float* one, const float* two) {
  float sum = 0;
  for (int i = 0; i < 8; ++i) sum += one[i] * two[i];
  return sum;
}

FN float square(float x) { return x * x; }
FN float silu(float x) { return x / (1 + expf(-x)); }
FN float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678f)); }

// One over the root mean square of x [N]; every warp finds it for itself.
template <int N> FN float norm_of(const float* x) {
  float total = 0;
  ROLLED
  for (int i = lane(); i < N; i += WARP) total += square(x[i]);
  return 1 / sqrtf(of_warp<Sum>(total) / N + EPSILON);
}

// put(l, row, weight[row] . x[l]) for all rows of weight [rows, IN], an even number, and all vectors x [MANY, stride].
template <int MANY, int IN, class Put>
FN void product(const Weight* weight, int rows, const float* x, int stride, Put put) {
  static_assert(IN % 8 == 0, "weights are read eight at a time");
  ROLLED
  for (int base = 0; base < rows; base += 2 * GROUPS) {
    const int row = base + 2 * group();
    float sums[2][MANY] = {};
    if (row < rows) {
      const Weight* from = weight + (long long)row * IN;
#pragma unroll 4
      for (int i = 8 * member(); i < IN; i += 8 * GROUP) {
        float one[8], two[8];
        load(from + i, one);
        load(from + IN + i, two);
#pragma unroll
        for (int l = 0; l < MANY; ++l) {
          float values[8];
          load(x + l * stride + i, values);
          sums[0][l] += dot(one, values);
          sums[1][l] += dot(two, values);
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

// Of two vectors [N] by the threads of a group, 0 where there is none; all of a warp have to call it.
template <int N> FN float product_of(const float* one, const float* two, bool there) {
  float sum = 0;
  if (there)
#pragma unroll
    for (int i = 8 * member(); i < N; i += 8 * GROUP) {
      float a[8], b[8];
      load(one + i, a);
      load(two + i, b);
      sum += dot(a, b);
    }
  return of_group(sum);
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
  float sums[WIDTH / WARP] = {};
  best = -INF, total = 0;
  ROLLED
  for (int first = part * STEP; first <= at; first += PARTS * STEP) {
    const int count = at + 1 - first < STEP ? at + 1 - first : STEP;
#pragma unroll 4
    for (int j = lane() / GROUP; j < STEP; j += WARP / GROUP) {
      const float score = product_of<WIDTH>(query, keys + (long long)(first + j) * WIDTH, j < count);
      if (member() == 0) scores[j] = j < count ? score / sqrtf(float(WIDTH)) : -INF;
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
#pragma unroll 4
    for (int j = 0; j < count; ++j)
      for (int i = 0; i < WIDTH / WARP; ++i)
        sums[i] += scores[j] * values[(long long)(first + j) * WIDTH + lane() + i * WARP];
    meet_warp();
  }
  for (int i = 0; i < WIDTH / WARP; ++i) to[lane() + i * WARP] = sums[i];
}

// One position: scratch.x [LANES, d] at position `at`, which has read all before -> hidden [LANES, d].
CALLED void step(const Trunk& trunk, int at, Scratch& scratch, float* hidden) {
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
