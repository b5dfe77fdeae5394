# Completions of headroom for fish, made by `just completions`.
function __headroom_complete
    set -l before (commandline --tokenize --current-process --cut-at-cursor)
    set -l typed (commandline --current-token --cut-at-cursor)
    for line in (headroom __complete (count $before) $before $typed 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $typed
            case :folders
                __fish_complete_directories $typed
            case '*'
                printf '%s\n' $line
        end
    end
end
complete --command headroom --no-files --keep-order --arguments '(__headroom_complete)'
