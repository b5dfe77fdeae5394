#!/bin/sh
# Installs headroom for the current user: a released program where there is one, else one built from this checkout.
#
#   ./install.sh                   install under ~/.local
#   ./install.sh --prefix DIR      install under DIR instead
#   ./install.sh --from DIR|URL    take the release that lies there (also: HEADROOM_RELEASE=DIR|URL); without
#                                  either, the folder `dist` beside this script is looked into
#   ./install.sh --build           build from the checkout, whatever release there is
#   ./install.sh --profile NAME    the profile of cargo to build with: release (as it is) or dist
#   ./install.sh --dry-run         say what would be done, do nothing
#   ./install.sh --uninstall       remove what it installed, and nothing else
#   ./install.sh --pack DIR        build, and make a release for machines like this one in DIR; install nothing
#
# A release is headroom-OS-MACHINE.tar.gz (linux or macos, x86_64 or aarch64) with its SHA-256 beside it in
# headroom-OS-MACHINE.tar.gz.sha256. Nothing is put in place before the checksum was found right and the program has
# run here once. Building needs Rust (cargo) and a C compiler. Writes nothing outside the prefix (or DIR) and, when it
# builds, the checkout's target folder.
set -eu

prefix="${HOME:?HOME is not set}/.local"
from=${HEADROOM_RELEASE-}
profile=release
build=no
dry=no
action=install

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set -eu/p' "$0" | sed -n 's/^# \{0,1\}//p'
}

# Fails unless an option has its value.
needs() {
    [ -n "${2-}" ] || fail "$1 needs $3"
}

while [ $# -gt 0 ]; do
    case $1 in
    --prefix=* | --from=* | --profile=* | --pack=*)
        option=${1%%=*}
        value=${1#*=}
        shift
        set -- "$option" "$value" "$@"
        continue
        ;;
    --prefix)
        needs "$1" "${2-}" "a folder"
        prefix=$2
        shift
        ;;
    --from)
        needs "$1" "${2-}" "a folder or a URL"
        from=$2
        shift
        ;;
    --profile)
        needs "$1" "${2-}" "the name of a profile"
        profile=$2
        shift
        ;;
    --pack)
        needs "$1" "${2-}" "a folder"
        action=pack
        into=$2
        shift
        ;;
    --build) build=yes ;;
    --dry-run) dry=yes ;;
    --uninstall) action=uninstall ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) fail "unknown option $1 (see ./install.sh --help)" ;;
    esac
    shift
done
case $prefix in
/*) ;;
*) prefix=$(pwd)/$prefix ;;
esac

case $from in
https://* | http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
*://*) fail "$from: only https is followed" ;;
esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# What was installed, a path a line, so that exactly that is removed again.
record=share/headroom/installed

case $(uname -s) in
Linux) os=linux ;;
Darwin) os=macos ;;
*) fail "$(uname -s) is not supported yet; Linux and macOS are" ;;
esac
case $(uname -m) in
x86_64 | amd64) machine=x86_64 ;;
aarch64 | arm64) machine=aarch64 ;;
*) machine=$(uname -m) ;;
esac
release=headroom-$os-$machine.tar.gz

# Runs a command, or says that it would be run.
run() {
    if [ "$dry" = yes ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

# Removes what the record names, and the folders that are empty then.
uninstall() {
    [ -f "$prefix/$record" ] || fail "nothing is installed under $prefix: there is no $prefix/$record"
    # The launchers that call this very program would have nothing to call.
    if [ -x "$prefix/bin/headroom" ]; then
        run "$prefix/bin/headroom" shims remove --own || say "its launchers could not be removed"
    fi
    while IFS= read -r path; do
        remove "$path"
    done <"$prefix/$record"
    remove "$record"
    say "What headroom kept (originals, statistics) is still there; \`headroom config path\` named the folders."
}

# Removes a file under the prefix, and the folders above it that nothing else is in.
remove() {
    case $1 in
    '' | /* | ../* | */../* | */..) return 0 ;;
    esac
    if [ -e "$prefix/$1" ] || [ -L "$prefix/$1" ]; then
        run rm -f "$prefix/$1"
        [ "$dry" = yes ] || say "removed $prefix/$1"
    fi
    [ "$dry" = no ] || return 0
    folder=$(dirname "$1")
    while [ "$folder" != . ] && rmdir "$prefix/$folder" 2>/dev/null; do
        folder=$(dirname "$folder")
    done
    rmdir "$prefix" 2>/dev/null || true
}

# Gets a file of the release, from a folder or a URL.
get() {
    case $from in
    *://*)
        if command -v curl >/dev/null 2>&1; then
            curl --fail --silent --show-error --location --proto '=https,http' --proto-redir '=https' \
                --output "$2" "${from%/}/$1"
        elif command -v wget >/dev/null 2>&1; then
            wget -q -O "$2" "${from%/}/$1"
        else
            fail "neither curl nor wget was found"
        fi
        ;;
    *) [ -f "$from/$1" ] && cp "$from/$1" "$2" ;;
    esac
}

# The SHA-256 of a file, by whatever there is that can tell.
sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1"
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 <"$1"
    elif command -v openssl >/dev/null 2>&1; then
        openssl dgst -sha256 -r <"$1"
    else
        fail "nothing here can tell a SHA-256: sha256sum, shasum and openssl were not found"
    fi | cut -c 1-64
}

# Fetches, checks and unpacks the release into $tree; false when there is none for this machine.
unpack() {
    get "$release" "$work/$release" 2>"$work/said" || return 1
    get "$release.sha256" "$work/sha256" 2>/dev/null || fail "$release has no checksum beside it in $from; not installed"
    expected=$(head -n 1 "$work/sha256" | cut -c 1-64 | tr A-F a-f)
    case $expected in
    *[!0-9a-f]*) expected= ;;
    esac
    [ ${#expected} -eq 64 ] || fail "$release.sha256 in $from holds no SHA-256; not installed"
    [ "$(sha256 "$work/$release")" = "$expected" ] ||
        fail "$release does not have the checksum that stands beside it in $from; not installed"
    mkdir "$work/tree" || exit 1
    tar -xzf "$work/$release" -C "$work/tree" || fail "$release can't be unpacked"
    [ -f "$work/tree/bin/headroom" ] || fail "$release holds no bin/headroom"
}

# Builds from the checkout and lays it out in $tree as a release is.
build() {
    command -v cargo >/dev/null 2>&1 || fail "cargo was not found; get Rust from https://rustup.rs"
    cargo build --profile "$profile" --locked --manifest-path "$here/Cargo.toml"
    case $profile in
    dev) folder=debug ;;
    *) folder=$profile ;;
    esac
    lay "${CARGO_TARGET_DIR:-$here/target}/$folder/headroom" bin/headroom 755
    lay "$here/LICENSE" share/doc/headroom/LICENSE 644
    lay "$here/completions/headroom.bash" share/bash-completion/completions/headroom 644
    lay "$here/completions/_headroom" share/zsh/site-functions/_headroom 644
    lay "$here/completions/headroom.fish" share/fish/vendor_completions.d/headroom.fish 644
    lay "$here/completions/headroom.ps1" share/headroom/headroom.ps1 644
    lay "$here/completions/headroom.elv" share/headroom/headroom.elv 644
    for page in "$here"/completions/man/*.1; do
        lay "$page" "share/man/man1/${page##*/}" 644
    done
}

lay() {
    mkdir -p "$work/tree/$(dirname "$2")"
    cp "$1" "$work/tree/$2"
    chmod "$3" "$work/tree/$2"
}

# Puts every file of $tree into its place, each in one step: a running headroom keeps the one it has.
put_in_place() {
    (cd "$work/tree" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) >"$work/record"
    # The program last: what it is found with is there then.
    { grep -v '^bin/headroom$' "$work/record" || true; echo bin/headroom; } | while IFS= read -r path; do
        mkdir -p "$(dirname "$prefix/$path")"
        cp "$work/tree/$path" "$prefix/$path.new"
        mv -f "$prefix/$path.new" "$prefix/$path"
    done
    if [ -f "$prefix/$record" ]; then
        # What an older headroom had and this one has not.
        while IFS= read -r path; do
            grep -qxF "$path" "$work/record" || remove "$path"
        done <"$prefix/$record"
    fi
    mkdir -p "$(dirname "$prefix/$record")"
    cp "$work/record" "$prefix/$record.new"
    mv -f "$prefix/$record.new" "$prefix/$record"
}

# Makes the release and its checksum in the folder $into.
pack() {
    build
    "$work/tree/bin/headroom" --version >/dev/null || fail "what was built does not run"
    COPYFILE_DISABLE=1 tar -czf "$work/$release" -C "$work/tree" bin share
    printf '%s  %s\n' "$(sha256 "$work/$release")" "$release" >"$work/sha256"
    # The checksum first: a release without one is refused, one with an older one as well.
    mv -f "$work/sha256" "$into/$release.sha256"
    mv -f "$work/$release" "$into/$release"
    say "made $into/$release and its checksum"
}

# Makes the folder $1, if it is not there, and in it $work, which goes when this script ends.
work_in() {
    umask 022
    [ -d "$1" ] && made= || made=$1
    mkdir -p "$1"
    work=$(mktemp -d "$1/.headroom-install.XXXXXX")
    trap 'rm -rf "$work"; [ -z "$made" ] || rmdir "$made" 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

case $action in
uninstall)
    uninstall
    exit 0
    ;;
pack)
    work_in "$into"
    pack
    exit 0
    ;;
esac

if [ "$build" = no ] && [ -z "$from" ] && [ -f "$here/dist/$release" ]; then
    # Without sources beside it there is nothing that it could be older than.
    newer=$(cd "$here" && find src agents shims completions Cargo.lock -type f -newer "dist/$release" 2>/dev/null |
        head -n 1)
    if [ -n "$newer" ]; then
        say "the release in $here/dist is older than $newer; not taken"
    else
        from=$here/dist
    fi
fi
checkout=no
[ -f "$here/Cargo.toml" ] && checkout=yes
if [ "$dry" = yes ]; then
    if [ "$build" = no ] && [ -n "$from" ]; then
        say "would take $release from $from, if it is there and its checksum is right"
        [ "$checkout" = no ] || say "else would run: cargo build --profile $profile --locked"
    else
        say "would run: cargo build --profile $profile --locked"
    fi
    say "would put headroom, its completions and its manual under $prefix, and a list of them into $prefix/$record"
    exit 0
fi

work_in "$prefix"
if [ "$build" = no ] && [ -n "$from" ] && unpack; then
    say "$release: its checksum is right"
else
    if [ "$build" = no ] && [ -n "$from" ]; then
        [ ! -s "$work/said" ] || cat "$work/said" >&2
        [ "$checkout" = yes ] || fail "there is no $release in $from, and no checkout here to build from"
        say "there is no $release in $from; building from $here instead"
    fi
    [ "$checkout" = yes ] || fail "there is no release in $here/dist and no checkout here to build from; say --from"
    build
fi
version=$("$work/tree/bin/headroom" --version) || fail "this headroom can't run on this machine; not installed"
put_in_place

say "installed $prefix/bin/headroom ($version)"
case ":$PATH:" in
*":$prefix/bin:"*) say "now: headroom wrap claude" ;;
*) say "$prefix/bin is not in your PATH; add it, then: headroom wrap claude" ;;
esac
say "completions: bash and fish find theirs under ~/.local and /usr/local by themselves; zsh, when
$prefix/share/zsh/site-functions is in its fpath; PowerShell's and elvish's lie in $prefix/share/headroom"
