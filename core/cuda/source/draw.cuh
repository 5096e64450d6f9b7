// SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// How a choice is drawn: temperature, min-p, top-p, and one uniform number a choice, as in core/sampling.py.

constexpr float HIDDEN = -1e9f;  // logit of what cannot be
constexpr float MOST = 1 - 1e-6f;  // below the total, whatever the rounding: never past the last that can be

struct Filters {
  float temperature, top_p, min_p;
};

// The first index whose sum of p [n] up to it passes the uniform number's share; every warp finds it for itself.
FN int inverse(const float* p, int n, float uniform) {
  const int chunk = (n + WARP - 1) / WARP, begin = lane() * chunk, end = Least::of(begin + chunk, n);
  float own = 0;
  int last = -1;
  ROLLED
  for (int i = begin; i < end; ++i) {
    own += p[i];
    if (p[i] > 0) last = i;
  }
  float before = own;
  for (int lanes = 1; lanes < WARP; lanes *= 2) {
    const float other = from_below(before, lanes);
    if (lane() >= lanes) before += other;
  }
  const float point = Least::of(uniform, MOST) * from_lane(before, WARP - 1);
  float sum = before - own;
  int found = n;
  ROLLED
  for (int i = begin; i < end; ++i) {
    sum += p[i];
    if (sum > point) {
      found = i;
      break;
    }
  }
  found = of_warp<Least>(found);
  last = of_warp<Largest>(last);
  return found < n ? found : last;
}

// One index of p [n], which all threads see, with the sum `total`; `kept` [n] is room for what top-p leaves.
CALLED int pick(const float* p, float* kept, int n, float total, float top_p, float uniform) {
  if (top_p >= 1) return inverse(p, n, uniform);
  ROLLED
  for (int base = 0; base < n; base += GROUPS) {
    // What is likelier, and what is as likely and comes before it, has to be less than the share.
    const int i = base + group();
    const float own = i < n ? p[i] : 0.f;
    float before = 0;
    if (own > 0)
      for (int j = member(); j < n; j += GROUP)
        if (p[j] > own || (p[j] == own && j < i)) before += p[j];
    before = of_group(before);
    if (member() == 0 && i < n) kept[i] = before < top_p * total ? own : 0.f;
  }
  meet();
  return inverse(kept, n, uniform);
}

// The same of the few logits [n] that one thread has.
template <int n> FN int pick_of_few(const float* logits, const Filters& filters, float uniform) {
  float p[n], largest = -INF, total = 0, kept = 0;
  for (int i = 0; i < n; ++i) largest = Largest::of(largest, logits[i]);
  for (int i = 0; i < n; ++i) {
    p[i] = expf((logits[i] - largest) / filters.temperature);
    if (p[i] < filters.min_p) p[i] = 0;  // the largest is 1
    total += p[i];
  }
  float left[n];
  for (int i = 0; i < n; ++i) {
    float before = 0;
    for (int j = 0; j < n; ++j)
      if (p[j] > p[i] || (p[j] == p[i] && j < i)) before += p[j];
    left[i] = filters.top_p >= 1 || before < filters.top_p * total ? p[i] : 0.f;
    kept += left[i];
  }
  const float point = Least::of(uniform, MOST) * kept;
  float sum = 0;
  int last = 0;
  for (int i = 0; i < n; ++i) {
    sum += left[i];
    if (sum > point) return i;
    if (left[i] > 0) last = i;
  }
  return last;
}
