// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The threads that write one mesh together: a block of CUDA's, or threads of a processor, on which the tests run the
// same source. They split each product and each list between them; what one thread has written others read after the
// next `meet`. WARP threads can add up numbers without it, and GROUP of them share a row of a product. On a processor
// that is one thread, unless HOST_WARP and HOST_GROUP say otherwise.

#ifdef __CUDACC__

#define FN static __device__ __forceinline__
#define FN_MEMBER __device__ __forceinline__
#define CALLED static __device__ __noinline__  // a face that is all in line outgrows the cache of instructions
#define ROLLED _Pragma("unroll 1")  // where unrolling wins nothing
constexpr int WARP = 32, GROUP = 8;

extern __shared__ float4 own_memory[];

// What the threads of a block share, by the type of what begins there. Passed as a reference it would be memory of
// any kind, whose loads are slower.
template <class T> FN T& shared_as() { return *reinterpret_cast<T*>(own_memory); }
FN int thread() { return threadIdx.x; }
FN int block() { return blockIdx.x; }
FN void meet() { __syncthreads(); }
FN void meet_warp() { __syncwarp(); }
FN void mark(unsigned* at, unsigned bits) { atomicOr(at, bits); }
FN void add(unsigned long long* at, unsigned long long x) { atomicAdd(at, x); }
FN float exchange(float x, int mask) { return __shfl_xor_sync(~0u, x, mask); }
FN int exchange(int x, int mask) { return __shfl_xor_sync(~0u, x, mask); }
FN unsigned exchange(unsigned x, int mask) { return __shfl_xor_sync(~0u, x, mask); }
FN long long exchange(long long x, int mask) { return __shfl_xor_sync(~0u, x, mask); }
FN float from_lane(float x, int lane) { return __shfl_sync(~0u, x, lane); }
FN float from_below(float x, int lanes) { return __shfl_up_sync(~0u, x, lanes); }

#else

#include <barrier>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#ifndef HOST_WARP
#define HOST_WARP 1
#define HOST_GROUP 1
#endif

#define FN static inline
#define FN_MEMBER inline
#define CALLED static
#define ROLLED
constexpr int WARP = HOST_WARP, GROUP = HOST_GROUP;

struct HostWarp {
  std::barrier<> meeting{WARP};
  char places[WARP][8];
};

static thread_local int own_thread, own_block;
static thread_local std::barrier<>* own_meeting;
static thread_local HostWarp* own_warp;
static thread_local void* own_memory;

template <class T> FN T& shared_as() { return *static_cast<T*>(own_memory); }
FN int thread() { return own_thread; }
FN int block() { return own_block; }
FN void meet() { own_meeting->arrive_and_wait(); }
FN void meet_warp() {
  if (WARP > 1) own_warp->meeting.arrive_and_wait();
}
FN void mark(unsigned* at, unsigned bits) { __atomic_fetch_or(at, bits, __ATOMIC_RELAXED); }
FN void add(unsigned long long* at, unsigned long long x) { __atomic_fetch_add(at, x, __ATOMIC_RELAXED); }
template <class T> FN T from_lane(T x, int lane) {
  if (WARP == 1) return x;
  std::memcpy(own_warp->places[thread() % WARP], &x, sizeof x);
  meet_warp();
  std::memcpy(&x, own_warp->places[lane], sizeof x);
  meet_warp();
  return x;
}
template <class T> FN T exchange(T x, int mask) { return from_lane(x, (thread() % WARP) ^ mask); }
FN float from_below(float x, int lanes) {
  const int own = thread() % WARP;
  return from_lane(x, own < lanes ? own : own - lanes);
}

#endif

constexpr int WARPS = THREADS / WARP, GROUPS = THREADS / GROUP;
constexpr float INF = 1e30f;
constexpr long long NEVER = 1ll << 62;  // a key that no vertex has

FN int lane() { return thread() % WARP; }
FN int warp() { return thread() / WARP; }
FN int member() { return thread() % GROUP; }
FN int group() { return thread() / GROUP; }

struct Sum { template <class T> FN T of(T a, T b) { return a + b; } };
struct Largest { template <class T> FN T of(T a, T b) { return a > b ? a : b; } };
struct Least { template <class T> FN T of(T a, T b) { return a < b ? a : b; } };
struct Either { template <class T> FN T of(T a, T b) { return a | b; } };

template <class How, int SIZE, class T> FN T among(T x) {
  for (int mask = SIZE / 2; mask; mask /= 2) x = How::of(x, exchange(x, mask));
  return x;
}
// Of all threads of a warp, and of those that share a row; all of them have to call it.
template <class How, class T> FN T of_warp(T x) { return among<How, WARP>(x); }
FN float of_group(float x) { return among<Sum, GROUP>(x); }

// Where warps leave what they have found for all. There are two places, by turns: who comes to the next but one has
// seen everybody leave this one.
struct Found {
  float numbers[2][WARPS];
  long long keys[2][WARPS];
  unsigned bits[2][WARPS];
};

struct Team {
  int turn;

  template <class How, class T> FN_MEMBER T all(T x, T (Found::*of_kind)[2][WARPS]) {
    T(&places)[2][WARPS] = shared_as<Found>().*of_kind;
    x = of_warp<How>(x);
    turn ^= 1;
    if (lane() == 0) places[turn][warp()] = x;
    meet();
    x = places[turn][0];
    for (int i = 1; i < WARPS; ++i) x = How::of(x, places[turn][i]);
    return x;
  }

  // Of all threads. Each is a `meet` as well.
  FN_MEMBER float sum(float x) { return all<Sum>(x, &Found::numbers); }
  FN_MEMBER float largest(float x) { return all<Largest>(x, &Found::numbers); }
  FN_MEMBER long long least(long long x) { return all<Least>(x, &Found::keys); }
  FN_MEMBER unsigned either(unsigned x) { return all<Either>(x, &Found::bits); }
  FN_MEMBER bool any(bool x) { return either(x); }
};
