# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_headroom_global_optspecs
    string join \n h/help V/version
end

function __fish_headroom_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_headroom_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_headroom_using_subcommand
    set -l cmd (__fish_headroom_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c headroom -n "__fish_headroom_needs_command" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_needs_command" -s V -l version -d 'Print version'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "wrap" -d 'Run an agent with its tool outputs made shorter'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "shims" -d 'Make typing an agent\'s own name run it through headroom'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "demo" -d 'Show the main job on a built-in agent and provider: no key, no network'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "stats" -d 'Show what was saved'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "perf" -d 'Show what was saved, in two lines'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "retrieve" -d 'Print an original, or the part of it that you ask for'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "compress" -d 'Make a request or a text shorter, as a filter'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "bench" -d 'Measure what is saved and what stays in view, on a folder of tool outputs'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "proxy" -d 'Run the proxy alone'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "mcp" -d 'Serve retrieval to an agent over the Model Context Protocol'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "store" -d 'Show or delete what is kept on disk'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "config" -d 'Show the settings in force and where each comes from'
complete -c headroom -n "__fish_headroom_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l profile -d 'How much may be left out: lossless, balanced or aggressive' -r
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l launcher -d 'Typed as PROGRAM, through a launcher: if headroom fails before the launch, it is run without headroom' -r
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l off -d 'Run through and change nothing'
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l dry-run -d 'Print the environment and the arguments that would be used, and start nothing'
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l no-mcp -d 'Don\'t hand the agent the tool that gives originals back; only lossless changes are made then'
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l no-pty -d 'Give the agent our own terminal instead of one of its own'
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -l quiet -d 'Say nothing before and after'
complete -c headroom -n "__fish_headroom_using_subcommand wrap" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and not __fish_seen_subcommand_from install remove list help" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and not __fish_seen_subcommand_from install remove list help" -f -a "install" -d 'Put launchers into headroom\'s own folder, and say how it gets into the PATH'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and not __fish_seen_subcommand_from install remove list help" -f -a "remove" -d 'Take launchers away again; with the last one, the line in the start-up file'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and not __fish_seen_subcommand_from install remove list help" -f -a "list" -d 'Show which launchers there are, and whether they are what is run'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and not __fish_seen_subcommand_from install remove list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from install" -l shell -d 'The shell that the line is for, if it is not $SHELL' -r -f -a "sh\t''
bash\t''
zsh\t''
fish\t''"
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from install" -l write-path -d 'Write the line for the PATH into the shell\'s start-up file'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from remove" -l own -d 'Only those that call this very headroom'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from help" -f -a "install" -d 'Put launchers into headroom\'s own folder, and say how it gets into the PATH'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take launchers away again; with the last one, the line in the start-up file'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show which launchers there are, and whether they are what is run'
complete -c headroom -n "__fish_headroom_using_subcommand shims; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand demo" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand stats" -l since -d 'Only what was sent since then: 7d, 12h, 2026-11-01' -r
complete -c headroom -n "__fish_headroom_using_subcommand stats" -l session -d 'Only the session whose id begins like this' -r
complete -c headroom -n "__fish_headroom_using_subcommand stats" -l by -d 'What to group by' -r -f -a "session\t''
project\t''
agent\t''
model\t''
day\t''"
complete -c headroom -n "__fish_headroom_using_subcommand stats" -l json -d 'Print JSON (its keys: docs/stats-json.md)'
complete -c headroom -n "__fish_headroom_using_subcommand stats" -l csv -d 'Print CSV, a line for each group'
complete -c headroom -n "__fish_headroom_using_subcommand stats" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand perf" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand retrieve" -l lines -d 'These lines only, counted from 1: 10-20, 10-, 10' -r
complete -c headroom -n "__fish_headroom_using_subcommand retrieve" -l query -d 'The parts that fit these words best, with line numbers' -r
complete -c headroom -n "__fish_headroom_using_subcommand retrieve" -l rows -d 'The rows for which this is true, or what they come to' -r
complete -c headroom -n "__fish_headroom_using_subcommand retrieve" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l tool -d 'The tool that printed the text' -r
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l command -d 'The command line that printed the text' -r
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l query -d 'What the reader wants to know' -r
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l profile -d 'How much may be left out: lossless, balanced or aggressive' -r
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l json -d 'Print one JSON object: the request\'s fields, and `tokens_before`, `tokens_after`, `elapsed_ms`, `blocks`'
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l serve -d 'Read one request a line and answer each with one line of JSON'
complete -c headroom -n "__fish_headroom_using_subcommand compress" -l text -d 'Take stdin for one tool output and print it made shorter'
complete -c headroom -n "__fish_headroom_using_subcommand compress" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand bench" -l profile -d 'How much may be left out: lossless, balanced or aggressive' -r
complete -c headroom -n "__fish_headroom_using_subcommand bench" -l json -d 'Print one JSON object'
complete -c headroom -n "__fish_headroom_using_subcommand bench" -l each -d 'Print a line for each case too'
complete -c headroom -n "__fish_headroom_using_subcommand bench" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand proxy" -l port -d 'Listen on this port of 127.0.0.1; 0 takes a free one' -r
complete -c headroom -n "__fish_headroom_using_subcommand proxy" -l upstream -d 'Send requests here: scheme, host and an optional base path' -r
complete -c headroom -n "__fish_headroom_using_subcommand proxy" -l profile -d 'What may be left out: `lossless`, `balanced` or `aggressive`' -r
complete -c headroom -n "__fish_headroom_using_subcommand proxy" -l no-secret -d 'Let everybody on this machine in'
complete -c headroom -n "__fish_headroom_using_subcommand proxy" -l off -d 'Run through, change nothing new'
complete -c headroom -n "__fish_headroom_using_subcommand proxy" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand mcp" -l only -d 'Offer this tool alone' -r -f -a "retrieve\t'headroom_retrieve'"
complete -c headroom -n "__fish_headroom_using_subcommand mcp" -l project -d 'Give originals that were issued to this folder, instead of the current one' -r -F
complete -c headroom -n "__fish_headroom_using_subcommand mcp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c headroom -n "__fish_headroom_using_subcommand store; and not __fish_seen_subcommand_from purge help" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand store; and not __fish_seen_subcommand_from purge help" -f -a "purge" -d 'Delete originals and what was sent in their place; their markers lead nowhere afterwards'
complete -c headroom -n "__fish_headroom_using_subcommand store; and not __fish_seen_subcommand_from purge help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from purge" -l project -d 'Those of agents that worked in this folder, or in one in it' -r -F
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from purge" -l older -d 'Those last used longer ago than this: 7d, 12h, 4w' -r
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from purge" -l all -d 'Everything, what `headroom stats` counts too'
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from purge" -l yes -d 'Don\'t ask'
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "purge" -d 'Delete originals and what was sent in their place; their markers lead nowhere afterwards'
complete -c headroom -n "__fish_headroom_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand config; and not __fish_seen_subcommand_from path show help" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand config; and not __fish_seen_subcommand_from path show help" -f -a "path" -d 'Show where the settings and the data lie'
complete -c headroom -n "__fish_headroom_using_subcommand config; and not __fish_seen_subcommand_from path show help" -f -a "show" -d 'Show every setting, its value and where it came from'
complete -c headroom -n "__fish_headroom_using_subcommand config; and not __fish_seen_subcommand_from path show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Print JSON'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Show where the settings and the data lie'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show every setting, its value and where it came from'
complete -c headroom -n "__fish_headroom_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "wrap" -d 'Run an agent with its tool outputs made shorter'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "shims" -d 'Make typing an agent\'s own name run it through headroom'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "demo" -d 'Show the main job on a built-in agent and provider: no key, no network'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "stats" -d 'Show what was saved'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "perf" -d 'Show what was saved, in two lines'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "retrieve" -d 'Print an original, or the part of it that you ask for'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "compress" -d 'Make a request or a text shorter, as a filter'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "bench" -d 'Measure what is saved and what stays in view, on a folder of tool outputs'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "proxy" -d 'Run the proxy alone'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "mcp" -d 'Serve retrieval to an agent over the Model Context Protocol'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "store" -d 'Show or delete what is kept on disk'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "config" -d 'Show the settings in force and where each comes from'
complete -c headroom -n "__fish_headroom_using_subcommand help; and not __fish_seen_subcommand_from wrap shims demo stats perf retrieve compress bench proxy mcp store config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c headroom -n "__fish_headroom_using_subcommand help; and __fish_seen_subcommand_from shims" -f -a "install" -d 'Put launchers into headroom\'s own folder, and say how it gets into the PATH'
complete -c headroom -n "__fish_headroom_using_subcommand help; and __fish_seen_subcommand_from shims" -f -a "remove" -d 'Take launchers away again; with the last one, the line in the start-up file'
complete -c headroom -n "__fish_headroom_using_subcommand help; and __fish_seen_subcommand_from shims" -f -a "list" -d 'Show which launchers there are, and whether they are what is run'
complete -c headroom -n "__fish_headroom_using_subcommand help; and __fish_seen_subcommand_from store" -f -a "purge" -d 'Delete originals and what was sent in their place; their markers lead nowhere afterwards'
complete -c headroom -n "__fish_headroom_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Show where the settings and the data lie'
complete -c headroom -n "__fish_headroom_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Show every setting, its value and where it came from'
