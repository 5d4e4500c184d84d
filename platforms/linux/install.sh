#!/usr/bin/env bash
# Installs what a build of Linnet needs on Debian or Ubuntu: tools from apt, and the pinned
# third-party sources of platforms/dependencies.txt. Does only what is missing, so it is cheap
# to call before every build.
#
#   platforms/linux/install.sh             what a build of the runtime and the tools needs
#   platforms/linux/install.sh --checks    and Clang with its sanitizers, clang-format and clang-tidy
#   platforms/linux/install.sh --arm64     and the cross compiler and emulator for 64-bit Arm
#   platforms/linux/install.sh --java      and a JDK, and JUnit for the tests of the Java interface
#   platforms/linux/install.sh --armv7     and those for 32-bit Arm
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${LINNET_SOURCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/linnet/sources}
packages=(g++ cmake ninja-build ccache git pkgconf python3 xz-utils ca-certificates)
for option in "$@"; do
  case $option in
    --checks) packages+=(clang libclang-rt-dev clang-format clang-tidy shellcheck) ;;
    --arm64) packages+=(g++-aarch64-linux-gnu qemu-user-static) ;;
    --java) packages+=(default-jdk-headless junit4) ;;
    --armv7) packages+=(g++-arm-linux-gnueabihf qemu-user-static) ;;
    *)
      echo "install.sh: unknown option '$option'; it takes --checks, --arm64, --java and --armv7" >&2
      exit 2
      ;;
  esac
done

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "install.sh: to install packages, run this as root or install sudo" >&2
    exit 1
  fi
}

is_installed() {
  [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return
  echo "Installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Sets $mirror to the Debian mirror that apt is set up with, or to nothing.
mirror=
find_mirror() {
  [[ -z $mirror ]] || return 0
  mirror=$(listed_mirror)
  if [[ -z $mirror ]]; then  # Apt may have no package lists yet.
    as_root apt-get update -qq
    mirror=$(listed_mirror)
  fi
}

listed_mirror() {
  # shellcheck disable=SC2016  # $(REPO_URI) is for apt to expand.
  apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n '1s|/*$||p'
}

# fetch_source NAME SHA256 ARCHIVE: unpacks the archive to $cache/NAME-<first 12 digits>.
fetch_source() {
  local name=$1 sha256=$2 archive=$3
  local target=$cache/$name-${sha256:0:12}
  [[ -d $target ]] && return
  echo "Fetching $name"
  find_mirror

  # Unpacked beside its place and then renamed: an interrupted run leaves nothing half done.
  local work
  work=$(mktemp -d "$cache/.$name-XXXXXX")
  mkdir "$work/tree"
  if ! /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file \
    "$mirror/pool/main/$archive" "$work/archive" "SHA256:$sha256" >/dev/null; then
    echo "install.sh: this mirror has no $archive; CMake will fetch $name by git instead" >&2
    rm -rf "$work"
    return
  fi
  echo "$sha256  $work/archive" | sha256sum --check --quiet
  tar --extract --file "$work/archive" --directory "$work/tree" --no-same-owner

  # Most archives hold one folder, some hold the files themselves.
  local tree=$work/tree entries
  entries=("$tree"/*)
  [[ ${#entries[@]} -eq 1 && -d ${entries[0]} ]] && tree=${entries[0]}
  mv --no-target-directory "$tree" "$target" 2>/dev/null || [[ -d $target ]]
  rm -rf "$work"
}

install_packages
mkdir -p "$cache"
while read -r name sha256 _ archive _; do
  [[ -z $name || $name == \#* ]] || fetch_source "$name" "$sha256" "$archive"
done <platforms/dependencies.txt
