// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// One mesh while its faces are written, as the threads of its block see it. `Job`, with the addresses of all tensors,
// is declared by core/cuda/job.py; the tensors are those of core/generation.py, core/rules.py and core/decoding.py.

typedef long long Id;

constexpr int SMALL = 12;  // what a state says besides the query: gate 3, closing 4, edges 5
constexpr int GATE = 0, CLOSING = 3, EDGES = 7;

struct Shared {
  Scratch scratch;  // first: see step
  VECTOR hidden[LANES * DIM];  // what predicts the next slot
  VECTOR start[LANES * DIM];   // what predicts the first one
  VECTOR turned[DIM];          // the query, rotated by its place
  VECTOR around[2 * DIM];      // the mean of what is around a vertex, and its embedding
  VECTOR read[3 * DIM];        // embeddings of the face's slots, after they gathered
  float plain[3 * DIM];        // and before
  VECTOR stream[LANES * CODE_WIDTH];
  float context[LANES * CODE_WIDTH], named_context[LANES * CODE_WIDTH];  // of the first code, and of one after others
  float query[DIM], key[DIM], small[LANES * SMALL];
  float logits[LANES * CODES], first[CODES], named[CODES], p[CODES], kept[CODES];
  int choice;
};

// What there is to close in a slot, and what follows from it; see core/nn/closing.py.
struct Closing {
  bool due, sound;
  long long first;
};

struct Mesh {
  const Job& job;
  Team team;
  int row, number, count;  // of the mesh in the batch; faces and vertices so far
  long long last[3];       // keys of the last face
  int face[3];             // vertices of the face at hand
  bool in_trouble;         // it has failed more often than chance explains
  Filters filters;
  Closing closing;

  // The mesh's own part of what has so many numbers a slot, or a vertex, of which there are no more.
  template <class T> FN_MEMBER T* slots(T* of, int numbers = 1) const {
    return of + (long long)row * 3 * job.max_faces * numbers;
  }
  FN_MEMBER Id* faces() const { return slots(job.faces); }
  FN_MEMBER Id* keys() const { return slots(job.vertex_keys); }
  FN_MEMBER float* points() const { return slots(job.points, 3); }
  FN_MEMBER Id* codes() const { return slots(job.codes, 3); }
  FN_MEMBER unsigned* flags() const { return slots(job.flags); }
  FN_MEMBER unsigned long long* masses() const { return slots(job.masses); }
};
