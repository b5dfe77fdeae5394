# Completions of headroom for bash, made by `just completions`.
_headroom() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :files | :folders) compopt -o default 2>/dev/null ;;
        # What stands behind the tab says what it means; bash has no place for that.
        *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <(headroom __complete "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null)
}
# Bash before 4 (macOS) has no compopt: there it may always offer files.
if type compopt >/dev/null 2>&1; then
    complete -F _headroom headroom
else
    complete -o default -F _headroom headroom
fi
