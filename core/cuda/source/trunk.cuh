// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// A position of a trunk: blocks of attention to what is in the cache, and of a squared-ReLU MLP; see core/nn/trunk.py.

constexpr int WIDTH = DIM / HEADS, STEP = 32;  // of a head; positions that a warp looks at together
constexpr int WIDE = 4 * DIM > 3 * CODE_WIDTH ? 4 * DIM : 3 * CODE_WIDTH;
constexpr int UNITS = LANES * HEADS, PARTS = WARPS > UNITS ? WARPS / UNITS : 1;
static_assert(WIDTH % WARP == 0 && WIDTH % 8 == 0, "heads are split between the threads of a warp");

#define VECTOR alignas(16) float  // which is read four numbers at a time

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
