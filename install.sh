#!/bin/sh
# Builds headroom from the checkout that this script stands in, and installs it for the current user.
#
#   ./install.sh                  build, then install under ~/.local
#   ./install.sh --prefix DIR     install under DIR instead
#   ./install.sh --dry-run        say what would be done, do nothing
#   ./install.sh --uninstall      remove what it installed, and nothing else
#
# Needs Rust (cargo) and a C compiler. Writes nothing outside the checkout's target folder and the prefix.
set -eu

prefix="${HOME:?HOME is not set}/.local"
dry=no
action=install

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//'
}

while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -ge 2 ] || fail "--prefix needs a folder"
        prefix=$2
        shift
        ;;
    --prefix=*) prefix=${1#--prefix=} ;;
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
[ -n "$prefix" ] || fail "--prefix needs a folder"
case $prefix in
/*) ;;
*) prefix=$(pwd)/$prefix ;;
esac

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$checkout/target}

# What is installed: source, place under the prefix, mode.
files() {
    say "$target/release/headroom|bin/headroom|755"
    say "$checkout/completions/headroom.bash|share/bash-completion/completions/headroom|644"
    say "$checkout/completions/_headroom|share/zsh/site-functions/_headroom|644"
    say "$checkout/completions/headroom.fish|share/fish/vendor_completions.d/headroom.fish|644"
}

# Runs a command, or says that it would be run.
run() {
    if [ "$dry" = yes ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

# Puts a file into its place in one step: a running headroom keeps the one it has.
put() {
    place=$prefix/$2
    run mkdir -p "$(dirname "$place")"
    run cp "$1" "$place.new"
    run chmod "$3" "$place.new"
    run mv -f "$place.new" "$place"
}

case $(uname -s) in
Linux | Darwin) ;;
*) fail "$(uname -s) is not supported yet; Linux and macOS are" ;;
esac

if [ "$action" = uninstall ]; then
    files | while IFS='|' read -r _ place _; do
        if [ -e "$prefix/$place" ]; then
            run rm -f "$prefix/$place"
            [ "$dry" = yes ] || say "removed $prefix/$place"
        fi
    done
    say "What headroom kept (originals, statistics) is still there; \`headroom config path\` named the folders."
    exit 0
fi

command -v cargo >/dev/null 2>&1 || fail "cargo was not found; get Rust from https://rustup.rs"
run cargo build --release --locked --manifest-path "$checkout/Cargo.toml"
files | while IFS='|' read -r source place mode; do
    put "$source" "$place" "$mode"
done
[ "$dry" = yes ] && exit 0

say "installed $prefix/bin/headroom ($("$prefix/bin/headroom" --version))"
case ":$PATH:" in
*":$prefix/bin:"*) say "now: headroom wrap claude" ;;
*) say "$prefix/bin is not in your PATH; add it, then: headroom wrap claude" ;;
esac
