// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// What the faces so far allow and ask for next: core/rules.py, core/nn/edges.py and core/nn/closing.py for one mesh.

// Of a vertex v in a slot after a (and that after b): whether v->a, a->v, b->v, v->b are used, whether a face has all
// three, whether it may stand there, and whether that passes by an open edge.
enum : unsigned { TO_A = 1, FROM_A = 2, FROM_B = 4, TO_B = 8, THIRD = 16, ALLOWED = 32, PAST = 64 };

constexpr int TRIES_A_START = 2, TRIES_TO_CLOSE = 12;
constexpr float NO_AREA = 1e-6f;  // core/sampling_config.py

// Look at all faces for the slot and mark their vertices; the flags were 0.
FN void mark_edges(const Mesh& mesh, int slot) {
  const Id a = mesh.face[slot - 1], b = mesh.face[0], *faces = mesh.faces();
  unsigned* flags = mesh.flags();
  ROLLED
  for (int f = thread(); f < mesh.number; f += THREADS) {
    const Id corners[4] = {faces[3 * f], faces[3 * f + 1], faces[3 * f + 2], faces[3 * f]};
    bool has_a = false, has_b = false;
    for (int k = 0; k < 3; ++k) {
      const Id u = corners[k], v = corners[k + 1];
      has_a |= u == a, has_b |= u == b;
      if (v == a) mark(flags + u, TO_A);
      if (u == a) mark(flags + v, FROM_A);
      if (slot == 2 && u == b) mark(flags + v, FROM_B);
      if (slot == 2 && v == b) mark(flags + u, TO_B);
    }
    if (slot == 2 && has_a && has_b) mark(flags + (corners[0] + corners[1] + corners[2] - a - b), THIRD);
  }
}

// After the marks, and a `meet`. It is one itself.
FN Closing find_closing(Mesh& mesh, int slot) {
  enum : unsigned { UNSOUND = 1, END = 2, LATER = 4 };
  const Id *keys = mesh.keys(), *upward = mesh.slots(mesh.job.upward);
  const unsigned* flags = mesh.flags();
  const long long* last = mesh.last;
  const long long first = slot > 0 ? keys[mesh.face[0]] : 0, second = slot > 1 ? keys[mesh.face[1]] : 0;
  unsigned seen = 0;
  long long due = NEVER;
  ROLLED
  for (int v = thread(); v < mesh.count; v += THREADS) {
    const long long key = keys[v];
    const bool open = upward[v] > 0, behind = key < last[0];
    if (open && behind) seen |= UNSOUND;
    if (slot == 0) {
      if (open && !behind) due = Least::of(due, key);
      continue;
    }
    const bool toward = flags[v] & (slot == 1 ? TO_A : TO_B), away = flags[v] & (slot == 1 ? FROM_A : FROM_B);
    const bool above = key > first, begin = toward && !away && above;
    if (slot == 1 && begin && (first != last[0] || key >= last[1])) due = Least::of(due, key);
    if (slot == 2 && away && !toward && above) seen |= END;
    if (slot == 2 && begin && key > second) seen |= LATER;
  }
  seen = mesh.team.either(seen);
  if (slot == 2) return {(seen & END) && !(seen & LATER), !(seen & UNSOUND), NEVER};
  due = mesh.team.least(due);
  return {due < NEVER, !(seen & UNSOUND), due};
}

FN bool off_line(const Mesh& mesh, const float* point) {
  const float *from = mesh.points() + 3 * mesh.face[0], *to = mesh.points() + 3 * mesh.face[1];
  const float ax = to[0] - from[0], ay = to[1] - from[1], az = to[2] - from[2];
  const float bx = point[0] - from[0], by = point[1] - from[1], bz = point[2] - from[2];
  const float x = fabsf(ay * bz - az * by), y = fabsf(az * bx - ax * bz), z = fabsf(ax * by - ay * bx);
  return Largest::of(Largest::of(x, y), z) > NO_AREA;
}

FN bool in_order(const Mesh& mesh, int slot, long long key) {
  const long long* last = mesh.last;
  if (slot == 0) return key >= last[0];
  const long long first = mesh.keys()[mesh.face[0]];
  if (key <= first) return false;
  if (first != last[0]) return true;
  if (slot == 1) return key >= last[1];
  return mesh.keys()[mesh.face[1]] != last[1] || key > last[2];
}

// Which vertices may stand in the slot, as flags; whether any may. It is a `meet`.
FN bool find_allowed(Mesh& mesh, int slot) {
  const Job& job = mesh.job;
  const Closing& closing = mesh.closing;
  const Id *keys = mesh.keys(), *dead_ends = mesh.slots(job.dead_ends);
  unsigned* flags = mesh.flags();
  unsigned long long* masses = mesh.masses();
  const long long second = slot > 1 ? keys[mesh.face[1]] : 0, first = slot > 0 ? keys[mesh.face[0]] : 0;
  bool any = false;
  ROLLED
  for (int v = thread(); v < mesh.count; v += THREADS) {
    const unsigned marks = flags[v];
    const long long key = keys[v];
    bool past = key > closing.first;
    if (slot == 2) past = key > first && key < second && !(marks & FROM_B);
    bool may = in_order(mesh, slot, key);
    ROLLED
    for (int i = 0; i < slot; ++i) may &= v != mesh.face[i];
    if (slot == 0) may &= dead_ends[v] < (job.close && key == closing.first ? TRIES_TO_CLOSE : TRIES_A_START);
    if (slot == 2) may &= !(marks & THIRD) && off_line(mesh, mesh.points() + 3 * v);
    if (slot > 0 && job.manifold) may &= !(marks & FROM_A) && !(slot == 2 && (marks & TO_B));
    if (job.close && past && (slot || closing.sound) && !mesh.in_trouble) may = false;
    flags[v] = marks | (may ? ALLOWED : 0u) | (past ? PAST : 0u);
    masses[v] = 0;
    any |= may;
  }
  return mesh.team.any(any);
}

// The key that a new vertex in the slot must exceed; below 0 where any will do.
FN long long lower_bound(const Mesh& mesh, int slot) {
  const long long* last = mesh.last;
  if (slot == 0) return last[0];
  long long first = mesh.keys()[mesh.face[0]];
  bool tied = first == last[0];
  if (slot == 2) {
    const long long second = mesh.keys()[mesh.face[1]];
    tied &= second == last[1];
    if (mesh.job.close) first = Largest::of(first, second);  // below it, it could begin no face that closes its edge
  }
  return tied ? Largest::of(first, last[slot]) : first;
}

// Count the face at hand: its edges, those open at its vertices, and itself.
FN void add_face(Mesh& mesh) {
  Id *faces = mesh.faces(), *keys = mesh.keys();
  const int* own = mesh.face;
  unsigned seen = 0;
  ROLLED
  for (int f = thread(); f < mesh.number; f += THREADS)
    for (int k = 0; k < 3; ++k) {
      const Id u = faces[3 * f + k], v = faces[3 * f + (k + 1) % 3];
      for (int i = 0; i < 3; ++i) {
        const int from = own[i], to = own[(i + 1) % 3];
        if (u == from && v == to) seen |= 1u << i;
        if (u == to && v == from) seen |= 8u << i;
      }
    }
  seen = mesh.team.either(seen);
  if (thread() == 0) {
    for (int i = 0; i < 3; ++i) {
      faces[3 * mesh.number + i] = own[i];
      if (!EDGES_KNOWN || seen & 1u << i) continue;
      const int from = own[i], to = own[(i + 1) % 3], change = seen & 8u << i ? -1 : 1;
      mesh.slots(mesh.job.open)[from] += change;
      mesh.slots(mesh.job.open)[to] += change;
      mesh.slots(mesh.job.upward)[keys[from] < keys[to] ? from : to] += change;
    }
  }
  for (int i = 0; i < 3; ++i) mesh.last[i] = keys[own[i]];
}
