#!/bin/sh
# headroom-shim: typing the program's name runs it as `headroom wrap` does; `headroom shims remove` takes this away.
# HEADROOM=off, or no headroom that runs here: the program itself is run, as if this file were not there.
agent=@AGENT@
program=@PROGRAM@
headroom=@HEADROOM@

case ${HEADROOM-} in
[oO][fF][fF] | [fF][aA][lL][sS][eE] | 0) ;;
*)
    # Asked first: another program may have taken its place, or it may be one that this machine can't run.
    if [ -x "$headroom" ] && "$headroom" __launcher </dev/null >/dev/null 2>&1; then
        exec "$headroom" wrap --launcher "$program" "$agent" -- "$@"
    fi
    ;;
esac

# True for a file like this one: the word stands in its second line.
is_launcher() {
    [ -f "$1" ] && { IFS= read -r first && IFS= read -r second; } <"$1" 2>/dev/null || return 1
    case $first$second in
    '#!'*'# headroom-shim:'*) return 0 ;;
    esac
    return 1
}

# True for a folder in which there is nothing else.
has_launchers_only() {
    for file in "$1"/*; do
        is_launcher "$file" || return 1
    done
}

# The first such program that is no launcher; and the PATH as it would be without us, so that a program that looks
# for itself there does not come back here.
found=
path=
rest=$PATH:
while [ -n "$rest" ]; do
    folder=${rest%%:*}
    rest=${rest#*:}
    candidate=${folder:-.}/$program
    if [ -f "$candidate" ] && [ -x "$candidate" ]; then
        if is_launcher "$candidate"; then
            has_launchers_only "${folder:-.}" && continue
        elif [ -z "$found" ]; then
            found=$candidate
        fi
    fi
    path=$path:$folder
done
if [ -z "$found" ]; then
    printf '%s: no such program in the PATH besides headroom'"'"'s launcher\n' "$program" >&2
    exit 127
fi
PATH=${path#:}
export PATH
exec "$found" "$@"
