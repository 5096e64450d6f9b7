#!/bin/bash
# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Run the window tests in a real Blender on a virtual screen: BLENDER="/path/to/blender-desktop /path/to/its/root".
# Screenshots, logs and result.json of each test go to out/desktop/<test>.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
read -r tool rootfs <<<"${BLENDER:?name the Blender to test: the blender-desktop tool and its root}"
[ -n "$rootfs" ] || { echo 'BLENDER must name two things: "/path/to/blender-desktop /path/to/its/root"' >&2; exit 2; }
python=${PYTHON:-$root/.venv/bin/python}
out=$root/out/desktop
mkdir -p "$out"
cd "$root"

"$python" tools/build_extension.py --blender "" --out "$out" >"$out/build.log" || { cat "$out/build.log"; exit 1; }
extension=(--ext "$(ls -t "$out"/meshgpt-*.zip | head -n 1)")
options=(--project "$root" --limit "${LIMIT:-300}")

# Dense scans to retopologize, where there are any; without them that part says that it was skipped.
data=${MESHGPT_TEST_DATA:-$root/../shared/data}
[ ! -d "$data/dense" ] || options+=(--bind "$data/dense:/opt/meshgpt-dense")

# The root's own Python runs the model; its distribution has PyTorch, but not every package the model needs.
packages=$out/site-packages
[ -d "$packages/safetensors" ] || "$python" -m pip install --quiet --no-deps --target "$packages" safetensors
for folder in "$rootfs"/usr/lib/python3.[0-9]*; do
  options+=(--bind "$packages:/usr/local/lib/$(basename "$folder")/dist-packages")
done

# MESHGPT_TEST_MODEL: a model to test with instead of the bundled one.
if [ -n "${MESHGPT_TEST_MODEL:-}" ]; then
  place=/opt/meshgpt/$(basename "$MESHGPT_TEST_MODEL")
  options+=(--bind "$MESHGPT_TEST_MODEL:$place" --env "MESHGPT_TEST_MODEL=$place")
fi

failed=0
for test in tests/desktop/${TEST:-test_*}.py; do
  name=$(basename "$test" .py)
  echo "== $name"
  manager=()
  ! grep -q "rig.win = " "$test" || manager=(--wm)  # a second window needs a window manager
  installed=("${extension[@]}")
  ! grep -q "Install from Disk" "$test" || installed=()  # that test installs it by hand
  "$tool" gui "$rootfs" "${installed[@]}" "${options[@]}" "${manager[@]}" --test "$test" --out "$out/$name" || failed=1
done
exit $failed
