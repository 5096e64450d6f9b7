// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The copy head, core/nn/heads.py: copy an earlier vertex, name a new one, or end the mesh; and the draws of each.

enum { COPY = 0, NEW = 1, STOP = 2 };
constexpr int NONE = -1;  // no vertex
constexpr float FIXED = float(1ll << 40);  // sums of fixed-point numbers do not depend on who comes first

FN float log_add(float a, float b) { return Largest::of(a, b) + log1pf(expf(-fabsf(a - b))); }

// Log-probabilities of the branches [LANES] -> guided.
FN float joined(const Job& job, const float* branches) {
  float result = branches[0];
  for (int l = 1; l < LANES; ++l) result += float(job.guidance[l - 1]) * (branches[l] - branches[l - 1]);
  return result;
}

// Query, gate and the weights of closing and edges, from what predicts the slot; before a `meet`.
FN void ask(Mesh& mesh) {
  Shared& shared = shared_as<Shared>();
  const float* bias = mesh.job.floats + ASKED_BIAS;
  product<LANES, DIM>(mesh.job.weights + ASKED, DIM + SMALL, shared.hidden, DIM, [&](int l, int row, float y) {
    if (row >= DIM) shared.small[l * SMALL + row - DIM] = y + bias[row - DIM];
    else if (l == LANES - 1) shared.query[row] = y;
  });
}

// Copy, new or end, by one thread.
FN int draw_gate(const Mesh& mesh, int slot, bool any_allowed, float uniform) {
  const Closing& closing = mesh.closing;
  float gates[LANES * 3];
  for (int l = 0; l < LANES; ++l) {
    const float *small = shared_as<Shared>().small + l * SMALL, *weights = small + CLOSING;
    float* gate = gates + 3 * l;
    for (int i = 0; i < 3; ++i) gate[i] = small[GATE + i];
    if (CLOSING_KNOWN && closing.due) gate[COPY] += weights[2] + (closing.sound ? weights[3] : 0.f);
    if (slot) gate[STOP] += HIDDEN;
    const float total = log_add(log_add(gate[0], gate[1]), gate[2]);
    for (int i = 0; i < 3; ++i) gate[i] -= total;
  }
  float* gate = gates + 3 * (LANES - 1);
  if (LANES > 1 && !slot) {  // guided is whether the mesh ends; see core/decoding.py
    float go_on[LANES], odds[LANES];
    for (int l = 0; l < LANES; ++l) {
      go_on[l] = log_add(gates[3 * l + COPY], gates[3 * l + NEW]);
      odds[l] = gates[3 * l + STOP] - go_on[l];
    }
    const float guided = joined(mesh.job, odds);
    for (int i = 0; i < STOP; ++i) gate[i] -= go_on[LANES - 1] + log_add(0, guided);
    gate[STOP] = -log_add(0, -guided);
  }
  if (slot ? mesh.number == 0 : !any_allowed) gate[COPY] = HIDDEN;
  if (!slot && mesh.number == mesh.job.kept_faces) gate[STOP] = HIDDEN;
  return pick_of_few<3>(gate, mesh.filters, uniform);
}

// x [d] of a slot, normalised and rotated by its place: put(i, value).
template <class Put> FN void turn_to(const Mesh& mesh, const float* x, int place, Put put) {
  const float* cosines = mesh.job.angles + (long long)place * DIM;
  const float* sines = mesh.job.angles + (mesh.job.head_capacity + place) * DIM + DIM / 2;
  turn<DIM / 2>(x, norm_of<DIM>(x), cosines, sines, thread(), THREADS, put);
}

// An earlier vertex that may stand in the slot, of which there is one.
FN int draw_copy(Mesh& mesh, int place, float uniform) {
  const Job& job = mesh.job;
  Shared& shared = shared_as<Shared>();
  float *scores = mesh.slots(job.scores), *p = mesh.slots(job.p);
  const float* keys = mesh.slots(job.pointer_keys, DIM);
  unsigned long long* masses = mesh.masses();
  const Id* slot_vertex = mesh.slots(job.slot_vertex);
  turn_to(mesh, shared.query, place, [&](int i, float y) { shared.turned[i] = y; });
  meet();
  float best = -INF;
  ROLLED
  for (int base = 0; base < place; base += GROUPS) {
    const int n = base + group();
    const float score = of_group(share_of_dot<DIM>(shared.turned, keys + (long long)Least::of(n, place - 1) * DIM)) / 8;
    if (n >= place) continue;
    best = Largest::of(best, score);
    if (member() == 0) scores[n] = score;
  }
  best = mesh.team.largest(best);
  float total = 0;
  ROLLED
  for (int n = thread(); n < place; n += THREADS) {
    const float own = expf(scores[n] - best);
    total += own;
    add(masses + slot_vertex[n], (unsigned long long)(own * FIXED));
  }
  total = mesh.team.sum(total);

  const float* small = shared.small + (LANES - 1) * SMALL;
  const unsigned* flags = mesh.flags();
  const Id* open = mesh.slots(job.open);
  const float passing = CLOSING_KNOWN ? small[CLOSING] + (mesh.closing.sound ? small[CLOSING + 1] : 0.f) : 0.f;
  float top = -INF;
  ROLLED
  for (int v = thread(); v < mesh.count; v += THREADS) {
    if (!(flags[v] & ALLOWED)) continue;
    float logit = logf(Largest::of(float(masses[v]) / FIXED / total, 1e-30f));
    if (EDGES_KNOWN) {
      for (int i = 0; i < 4; ++i) logit += flags[v] & 1u << i ? small[EDGES + i] : 0.f;
      if (open[v] > 0) logit += small[EDGES + 4];
    }
    if (flags[v] & PAST) logit += passing;
    p[v] = logit / mesh.filters.temperature;
    top = Largest::of(top, p[v]);
  }
  top = mesh.team.largest(top);
  total = 0;
  ROLLED
  for (int v = thread(); v < mesh.count; v += THREADS) {
    const float own = flags[v] & ALLOWED ? expf(p[v] - top) : 0.f;
    p[v] = own < mesh.filters.min_p ? 0.f : own;  // the largest is 1
    total += p[v];
  }
  total = mesh.team.sum(total);
  return pick(p, scores, mesh.count, total, mesh.filters.top_p, uniform);
}

// Guided log-probabilities [CODES] of a level's codes, from contexts [LANES, w] -> to; ends with a `meet`.
CALLED void log_p_of_codes(Mesh& mesh, const float* context, int level, float* to) {
  const Job& job = mesh.job;
  Shared& shared = shared_as<Shared>();
  float *y = shared.stream, *wide = shared.scratch.wide, scale[LANES];
  ROLLED
  for (int i = thread(); i < LANES * CODE_WIDTH; i += THREADS)
    y[i] = context[i] + job.floats[LEVEL_TABLE + level * CODE_WIDTH + i % CODE_WIDTH];
  meet();
  const Weight* weights = job.weights + CODE_BLOCKS;
  ROLLED
  for (int block = 0; block < CODE_DEPTH; ++block) {
    for (int l = 0; l < LANES; ++l) scale[l] = norm_of<CODE_WIDTH>(y + l * CODE_WIDTH);
    product<LANES, CODE_WIDTH>(weights, 3 * CODE_WIDTH, y, CODE_WIDTH, [&](int l, int row, float x) {
      wide[l * WIDE + row] = gelu(x * scale[l]);
    });
    meet();
    weights += 3 * CODE_WIDTH * CODE_WIDTH;
    product<LANES, 3 * CODE_WIDTH>(weights, CODE_WIDTH, wide, WIDE, [&](int l, int row, float x) {
      y[l * CODE_WIDTH + row] += x;
    });
    meet();
    weights += 3 * CODE_WIDTH * CODE_WIDTH;
  }
  for (int l = 0; l < LANES; ++l) scale[l] = norm_of<CODE_WIDTH>(y + l * CODE_WIDTH);
  weights = job.weights + CODE_OUT + level * CODES * CODE_WIDTH;
  const float* bias = job.floats + CODE_OUT_BIAS + level * CODES;
  product<LANES, CODE_WIDTH>(weights, CODES, y, CODE_WIDTH, [&](int l, int row, float x) {
    shared.logits[l * CODES + row] = x * scale[l] + bias[row];
  });
  meet();
  float totals[LANES];
  for (int l = 0; l < LANES; ++l) {
    const float* logits = shared.logits + l * CODES;
    float largest = -INF, sum = 0;
    ROLLED
    for (int i = lane(); i < CODES; i += WARP) largest = Largest::of(largest, logits[i]);
    largest = of_warp<Largest>(largest);
    ROLLED
    for (int i = lane(); i < CODES; i += WARP) sum += expf(logits[i] - largest);
    totals[l] = largest + logf(of_warp<Sum>(sum));
  }
  ROLLED
  for (int i = thread(); i < CODES; i += THREADS) {
    float branches[LANES];
    for (int l = 0; l < LANES; ++l) branches[l] = shared.logits[l * CODES + i] - totals[l];
    to[i] = joined(job, branches);
  }
  meet();
}

// One code of log-probabilities [CODES], none below `least`.
FN int draw_code(Mesh& mesh, const float* log_p, int least, float uniform) {
  Shared& shared = shared_as<Shared>();
  const float temperature = mesh.filters.temperature;
  float top = -INF, total = 0;
  ROLLED
  for (int i = lane(); i < CODES; i += WARP) top = Largest::of(top, i < least ? HIDDEN : log_p[i]);
  top = of_warp<Largest>(top);
  ROLLED
  for (int i = lane(); i < CODES; i += WARP) {
    const float own = expf(((i < least ? HIDDEN : log_p[i]) - top) / temperature);
    total += own < mesh.filters.min_p ? 0.f : own;
  }
  total = of_warp<Sum>(total);
  ROLLED
  for (int i = thread(); i < CODES; i += THREADS) {
    const float own = expf(((i < least ? HIDDEN : log_p[i]) - top) / temperature);
    shared.p[i] = own < mesh.filters.min_p ? 0.f : own;
  }
  meet();
  return pick(shared.p, shared.kept, CODES, total, mesh.filters.top_p, uniform);
}

// A new vertex: the first of several drawn ones that keeps the rules, below the key `below`; NONE where none does.
FN int draw_new(Mesh& mesh, int slot, long long below, const float* uniform) {
  const Job& job = mesh.job;
  Shared& shared = shared_as<Shared>();
  const float* bias = job.floats + PROJECT_BIAS;
  product<LANES, DIM>(job.weights + PROJECT, CODE_WIDTH, shared.hidden, DIM, [&](int l, int row, float y) {
    shared.context[l * CODE_WIDTH + row] = y + bias[row];
  });
  const long long bound = lower_bound(mesh, slot), size = CODES;
  const long long at_least = Largest::of(bound, 0ll);
  const int least[3] = {int(at_least / (size * size)), int(at_least / size % size), int(at_least % size)};
  meet();
  log_p_of_codes(mesh, shared.context, 0, shared.first);
  ROLLED
  for (int draw = 0; draw < job.draws; ++draw) {
    int codes[3];
    bool tied = bound >= 0;  // the codes so far are those of the bound
    for (int level = 0; level < 3; ++level) {
      const float* log_p = shared.first;
      if (level) {
        float* context = shared.named_context;
        ROLLED
        for (int i = thread(); i < LANES * CODE_WIDTH; i += THREADS) {
          context[i] = shared.context[i];
          ROLLED
          for (int before = 0; before < level; ++before)
            context[i] += job.floats[CODE_TABLES + (before * CODES + codes[before]) * CODE_WIDTH + i % CODE_WIDTH];
        }
        log_p_of_codes(mesh, context, level, shared.named);
        log_p = shared.named;
      }
      const int lowest = tied ? least[level] + (level == 2) : 0;
      codes[level] = draw_code(mesh, log_p, lowest, uniform[draw * 3 + level]);
      tied = tied && codes[level] == least[level];
    }
    const long long key = ((long long)codes[0] * size + codes[1]) * size + codes[2];
    float point[3];
    for (int axis = 0; axis < 3; ++axis) point[axis] = (codes[2 - axis] + 0.5f) * (2.f / CODES) - 1;
    bool known = false;
    ROLLED
    for (int v = thread(); v < mesh.count; v += THREADS) known |= mesh.keys()[v] == key;
    known = mesh.team.any(known);
    if (known || key <= bound || key >= below || (slot == 2 && !off_line(mesh, point))) continue;
    const int vertex = mesh.count++;
    if (thread() == 0) {
      mesh.keys()[vertex] = key;
      for (int i = 0; i < 3; ++i) {
        mesh.points()[3 * vertex + i] = point[i];
        mesh.codes()[3 * vertex + i] = codes[i];
      }
      mesh.flags()[vertex] = 0;
    }
    meet();
    return vertex;
  }
  return NONE;
}
