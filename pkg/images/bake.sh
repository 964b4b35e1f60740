# Runs in a container of the node image. /bake is a volume, because an overlay
# cannot be made on the overlay that the container itself lives in.
set -euo pipefail
shopt -s nullglob

root=/bake/root
rootfs=/airworthy/rootfs
snapshots=$root/io.containerd.snapshotter.v1.overlayfs/snapshots

reference=containerd.io/gc.ref.snapshot.overlayfs # label of a configuration: the snapshot it needs

c() { ctr -n k8s.io "$@"; }

# serve is the container's first process: containerd on the volume, and when it
# is told to end, what it made back into the container, which is committed.
serve() {
  cp -a /var/lib/containerd "$root"
  containerd --root "$root" >/bake/containerd.log 2>&1 &
  local pid=$!
  trap 'kill -TERM $pid' TERM
  # The first wait ends by the signal, the second one with containerd.
  wait $pid || true
  wait $pid || true
  # containerd removes the folders of removed snapshots later.
  if [[ -d $rootfs ]]; then
    for d in "$snapshots"/*; do
      [[ -L $d/fs ]] || rm -rf "$d"
    done
  fi
  rm -rf /var/lib/containerd
  cp -a "$root" /var/lib/containerd
}

# also makes SOURCE known as TARGET, and keeps the kubelet from removing it when
# the disk gets full: nothing could bring it back.
also() {
  [[ $1 == "$2" ]] || c images tag --force "$1" "$2" >/dev/null
  c images label "$2" io.cri-containerd.pinned=pinned >/dev/null
}

# name makes SOURCE known as TARGET alone.
name() {
  also "$1" "$2"
  [[ $1 == "$2" ]] || c images rm "$1" >/dev/null
}

# unpack turns every image into one finished root file system outside /var, and
# one snapshot that is a link to it. Exit code 3: not possible here, nothing done.
unpack() {
  local plugins
  plugins=$(ctr plugins ls) # grep -q would break the pipe
  if ! grep -q 'overlayfs  *linux.* ok' <<<"$plugins" || ! grep -q 'snapshotter = "overlayfs"' /etc/containerd/config.toml; then
    echo "the node image does not use the overlayfs snapshotter, or it does not work here"
    exit 3
  fi
  # Images of the same layers, whatever their configurations, share one snapshot.
  declare -A chain config folder
  mkdir -p "$rootfs" /bake/view
  local name digest key image=
  while read -r name digest; do
    image=$name
    [[ -z ${chain[$digest]:-} ]] || continue
    # The kernel merges the layers, so that deletions between them are right.
    c images mount "$image" /bake/view >/dev/null
    key=$(c snapshots info /bake/view | jq -r .Parent)
    chain[$digest]=$key
    config[$digest]=$(c content get "$digest" | jq -r .config.digest)
    if [[ -z ${folder[$key]:-} ]]; then
      folder[$key]=$rootfs/${digest#sha256:}
      cp -a /bake/view "${folder[$key]}"
    fi
    c images unmount --rm /bake/view >/dev/null
  done < <(c images ls | awk 'NR > 1 { print $1, $3 }')
  [[ -n $image ]] || return 0
  clear_snapshots
  for key in "${!folder[@]}"; do
    link "$key" "${folder[$key]}"
  done
  for digest in "${!chain[@]}"; do
    c content label "${config[$digest]}" "$reference=${chain[$digest]}" >/dev/null
  done
  for digest in "${!chain[@]}"; do
    # With the snapshot there, nobody reads the layers any more.
    for layer in $(c content get "$digest" | jq -r '.layers[].digest'); do
      c content rm "$layer" >/dev/null || true # shared with an image before
    done
  done
  collect
}

# clear_snapshots removes the snapshots of single layers: with the labels gone by
# which the configurations of images hold on to them, a collection takes them all
# at once. Removed by name, one by one, some would be refused for ever: a child
# that was collected before is still counted.
clear_snapshots() {
  local digest left
  for digest in "${!config[@]}"; do
    c content label "${config[$digest]}" "$reference=" >/dev/null
  done
  collect
  left=$(c snapshots ls | awk 'NR > 1 { print $1 }')
  [[ -z $left ]] || { echo "these snapshots cannot be removed: $left" >&2; exit 1; }
}

# collect has containerd free what was removed, and waits for it: only the
# removal of an image does that.
collect() {
  c images tag --force "$image" airworthy.local/collect >/dev/null
  c images rm --sync airworthy.local/collect >/dev/null
}

# link makes the snapshot KEY, without parents, whose content is in DIR.
link() {
  c snapshots prepare "airworthy-$1"
  local fs
  fs=$(c snapshots mounts /nowhere "airworthy-$1" | grep -o "$snapshots/[0-9]*/fs")
  rmdir "$fs"
  ln -s "$2" "$fs"
  c snapshots commit "$1" "airworthy-$1"
}

"$@"
