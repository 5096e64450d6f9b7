// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Faces of one mesh by one block, attempt after attempt, as core/generation.py has it.

enum { NOT_TRIED = -1, FAILED = 0, KEPT = 1, ENDED = 2 };  // what became of an attempt
constexpr int RESULT = 10;  // numbers of an attempt: what became of it, and three corners

FN Trunk trunk_of(const Mesh& mesh) {
  const Job& job = mesh.job;
  return {job.weights + TRUNK, job.floats + TRUNK_NORM, job.cosines, job.sines, job.trunk_keys, job.trunk_values,
          DEPTH, int(job.capacity), int(job.rows), mesh.row};
}

FN Trunk inner_of(const Mesh& mesh) {
  const Job& job = mesh.job;
  return {job.weights + INNER, job.floats + INNER_NORM, job.inner_cosines, job.inner_sines, job.inner_keys,
          job.inner_values, FACE_DEPTH, 4, int(job.rows), mesh.row};
}

// The first slot's state, from the trunk's before the face.
FN void begin_face(Mesh& mesh) {
  Shared& shared = shared_as<Shared>();
  ROLLED
  for (int i = thread(); i < LANES * DIM; i += THREADS)
    shared.scratch.x[i] = mesh.job.before[((long long)(i / DIM) * mesh.job.rows + mesh.row) * DIM + i % DIM];
  meet();
  step(inner_of(mesh), 0, shared.start);
}

// Read the vertex that now stands in the slot at `place` of the mesh; hidden then predicts the next slot.
FN void read_vertex(Mesh& mesh, int slot, int place) {
  const Job& job = mesh.job;
  Shared& shared = shared_as<Shared>();
  const int vertex = mesh.face[slot];
  const Id* codes = mesh.codes() + 3 * vertex;
  const float* sums = mesh.slots(job.sums, DIM) + vertex * DIM;
  if (thread() == 0) mesh.slots(job.slot_vertex)[place] = vertex;
  ROLLED
  for (int i = thread(); i < DIM; i += THREADS) {
    float x = job.floats[SLOT_TABLE + slot * DIM + i];
    for (int level = 0; level < 3; ++level) x += job.floats[VERTEX_TABLES + (level * CODES + codes[level]) * DIM + i];
    shared.plain[slot * DIM + i] = x;
    if (NEIGHBOURS_KNOWN) {
      const long long faces = mesh.slots(job.around)[vertex];
      shared.around[i] = sums[i] / float(faces ? 3 * faces : 1);
      shared.around[DIM + i] = x;
    } else {
      shared.read[slot * DIM + i] = x;
      for (int l = 0; l < LANES; ++l) shared.scratch.x[l * DIM + i] = x;
    }
  }
  meet();
#if NEIGHBOURS_KNOWN
  const float* bias = job.floats + AROUND_BIAS;
  product<1, 2 * DIM>(job.weights + AROUND, DIM, shared.around, 0, [&](int, int row, float y) {
    shared.scratch.seen[row] = silu(y + bias[row]);
  });
  meet();
  product<1, DIM>(job.weights + MIX, DIM, shared.scratch.seen, 0, [&](int, int row, float y) {
    y += shared.plain[slot * DIM + row];
    shared.read[slot * DIM + row] = y;
    for (int l = 0; l < LANES; ++l) shared.scratch.x[l * DIM + row] = y;
  });
  meet();
#endif
  step(inner_of(mesh), slot + 1, shared.hidden);
  product<1, DIM>(job.weights + KEY, DIM, shared.hidden + (LANES - 1) * DIM, 0, [&](int, int row, float y) {
    shared.key[row] = y;
  });
  meet();
  float* to = mesh.slots(job.pointer_keys, DIM) + place * DIM;
  turn_to(mesh, shared.key, place, [&](int i, float y) { to[i] = y; });
}

// The face at hand stays: count it, and let the trunk read it.
FN void end_face(Mesh& mesh) {
  const Job& job = mesh.job;
  Shared& shared = shared_as<Shared>();
  add_face(mesh);
  if (NEIGHBOURS_KNOWN) {
    ROLLED
    for (int i = thread(); i < DIM; i += THREADS) {
      const float sum = shared.plain[i] + shared.plain[DIM + i] + shared.plain[2 * DIM + i];
      for (int slot = 0; slot < 3; ++slot) mesh.slots(job.sums, DIM)[mesh.face[slot] * DIM + i] += sum;
    }
    if (thread() == 0)
      for (int slot = 0; slot < 3; ++slot) mesh.slots(job.around)[mesh.face[slot]] += 1;
  }
  ROLLED
  for (int v = thread(); v < mesh.count; v += THREADS) mesh.slots(job.dead_ends)[v] = 0;
  product<1, 3 * DIM>(job.weights + MERGE, DIM, shared.read, 0, [&](int, int row, float y) {
    for (int l = 0; l < LANES; ++l) shared.scratch.x[l * DIM + row] = y;
  });
  meet();
  step(trunk_of(mesh), int(job.prefix) + mesh.number, shared.hidden);
  ROLLED
  for (int i = thread(); i < LANES * DIM; i += THREADS)
    job.before[((long long)(i / DIM) * job.rows + mesh.row) * DIM + i % DIM] = shared.hidden[i];
}

// A vertex for the slot, NONE where the choice breaks a rule; whether the mesh ends instead.
CALLED int choose(Mesh& mesh, int slot, int place, const float* uniform, bool& ended) {
  Shared& shared = shared_as<Shared>();
  ask(mesh);
  if (slot) mark_edges(mesh, slot);
  meet();
  mesh.closing = {false, true, NEVER};
  if (CLOSING_KNOWN) mesh.closing = find_closing(mesh, slot);
  const bool any_allowed = find_allowed(mesh, slot);
  if (thread() == 0) shared.choice = draw_gate(mesh, slot, any_allowed, uniform[0]);
  meet();
  const int choice = shared.choice, before = mesh.count;
  int vertex = NONE;
  ended = choice == STOP;
  if (choice == COPY && any_allowed) vertex = draw_copy(mesh, place, uniform[1]);
  if (choice == NEW) {
    const bool bound = mesh.job.close && !mesh.in_trouble;
    vertex = draw_new(mesh, slot, bound ? mesh.closing.first : NEVER, uniform + 2);
  }
  ROLLED
  for (int v = thread(); v < before; v += THREADS) mesh.flags()[v] = 0;
  return vertex;
}

FN int attempt(Mesh& mesh, const float* uniform) {
  const Job& job = mesh.job;
  Shared& shared = shared_as<Shared>();
  const int before = mesh.count;
  ROLLED
  for (int i = thread(); i < LANES * DIM; i += THREADS) shared.hidden[i] = shared.start[i];
  meet();
  for (int slot = 0; slot < 3; ++slot) {
    const int place = 3 * mesh.number + slot;
    bool ended;
    const int vertex = choose(mesh, slot, place, uniform + slot * (2 + job.draws * 3), ended);
    if (ended) return ENDED;
    if (vertex == NONE) {
      mesh.count = before;
      if (slot && thread() == 0) mesh.slots(job.dead_ends)[mesh.face[0]] += 1;
      return FAILED;
    }
    mesh.face[slot] = vertex;
    read_vertex(mesh, slot, place);
  }
  end_face(mesh);
  return KEPT;
}

FN void write_mesh(const Job& job) {
  const int row = block();
  Mesh mesh = {job, {0}, row, int(job.face_counts[row]), int(job.vertex_count[row])};
  for (int i = 0; i < 3; ++i) mesh.last[i] = job.last[3 * row + i];
  float* result = job.result + (long long)row * job.attempts * RESULT;
  int failures = int(job.failures[row]);
  bool alive = job.alive[row];
  meet();  // nobody changes what others have yet to read
  if (alive) begin_face(mesh);
  ROLLED
  for (int number = 0; number < job.attempts; ++number, result += RESULT) {
    int became = NOT_TRIED;
    if (alive) {
      mesh.in_trouble = failures > job.patience;
      mesh.filters = {float(job.temperature), float(job.top_p), float(job.min_p)};
      if (mesh.in_trouble) mesh.filters = {1, 2, 0};
      became = attempt(mesh, job.uniform + ((long long)row * job.attempts + number) * 3 * (2 + job.draws * 3));
      failures = became == KEPT ? 0 : failures + 1;
      if (became == KEPT) {
        ROLLED
        for (int i = thread(); i < 9; i += THREADS) result[1 + i] = mesh.points()[3 * mesh.face[i / 3] + i % 3];
        mesh.number += 1;
      }
      const long long tries = mesh.number == job.kept_faces ? 10 * job.tries : job.tries;  // it needs its first face
      alive = became != ENDED && mesh.number < job.max_faces && failures < tries;
      if (became == KEPT && alive) begin_face(mesh);
    }
    if (thread() == 0) result[0] = float(became);
  }
  if (thread() == 0) {
    job.face_counts[row] = mesh.number;
    job.vertex_count[row] = mesh.count;
    for (int i = 0; i < 3; ++i) job.last[3 * row + i] = mesh.last[i];
    job.failures[row] = failures;
    job.alive[row] = alive;
  }
}

#ifdef __CUDACC__

extern "C" __global__ void tell_shared_bytes(int* bytes) { *bytes = sizeof(Shared); }  // which a launch has to ask for

extern "C" __global__ void __launch_bounds__(THREADS) write_meshes(const __grid_constant__ Job job) {
  write_mesh(job);
}

#else

extern "C" void write_meshes(const Job* job) {
  for (int number = 0; number < job->rows; ++number) {
    auto shared = std::make_unique<Shared>();
    std::barrier<> meeting(THREADS);
    std::vector<HostWarp> warps(WARPS);
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; ++i)
      threads.emplace_back([&, i] {
        own_thread = i, own_block = number, own_meeting = &meeting, own_warp = &warps[i / WARP];
        own_memory = shared.get();
        write_mesh(*job);
      });
    for (auto& thread : threads) thread.join();
  }
}

#endif
