//! `headroom __completions FOLDER`: writes what lies in `completions/`.
//!
//! A script for each shell, which asks `headroom __complete` while somebody types,
//! so that it never falls behind; and manual pages, a page a verb, made from the
//! same definition of the command line as `--help`.

use super::Cli;
use super::term::{self, Verdict};
use anyhow::Context;
use clap::{Command, CommandFactory};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was typed after `__completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Writes all of them.
///
/// # Errors
/// When a file can't be written.
pub fn run(args: Args) -> Verdict {
    let pages = args.folder.join("man");
    // A page of a verb that there is no more must not stay.
    for entry in fs::read_dir(&pages).into_iter().flatten().flatten() {
        fs::remove_file(entry.path()).with_context(|| format!("could not remove {:?}", entry.path()))?;
    }
    for (name, script) in SCRIPTS {
        write(&args.folder.join(name), script.as_bytes())?;
    }
    for (name, page) in manual()? {
        write(&pages.join(name), &page)?;
    }
    term::say(format_args!("wrote {}", args.folder.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), anyhow::Error> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes)).with_context(|| format!("could not write {}", path.display()))
}

/// The manual: `headroom.1`, and a page for each verb that is shown.
fn manual() -> Result<Vec<(String, Vec<u8>)>, anyhow::Error> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    let mut open = vec![program];
    while let Some(command) = open.pop() {
        let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        open.extend(shown.cloned().map(|verb| {
            let whole = format!("{name}-{}", verb.get_name());
            verb.display_name(whole)
        }));
        pages.push((format!("{name}.1"), page(command)?));
    }
    Ok(pages)
}

fn page(command: Command) -> Result<Vec<u8>, std::io::Error> {
    let notes = command.get_after_help().map(ToString::to_string);
    let has_verbs = command.get_subcommands().any(|verb| !verb.is_hide_set());
    let man = clap_mangen::Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_verbs {
        man.render_subcommands_section(&mut page)?;
    }
    // As `--help` shows them: their lines and columns are meant.
    if let Some(notes) = notes {
        page.extend(b".SH NOTES\n.nf\n");
        for line in notes.lines() {
            page.extend(b"\\&");
            page.extend(line.replace('\\', "\\e").replace('-', "\\-").as_bytes());
            page.push(b'\n');
        }
        page.extend(b".fi\n");
    }
    Ok(page)
}

/// Each shell's script, by its file's name.
const SCRIPTS: [(&str, &str); 5] = [
    ("headroom.bash", BASH),
    ("_headroom", ZSH),
    ("headroom.fish", FISH),
    ("headroom.ps1", POWERSHELL),
    ("headroom.elv", ELVISH),
];

const BASH: &str = r#"# Completions of headroom for bash, made by `just completions`.
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
"#;

const ZSH: &str = r#"#compdef headroom
# Completions of headroom for zsh, made by `just completions`.
_headroom() {
    local line value
    local -a candidates
    for line in "${(@f)$(headroom __complete $((CURRENT - 1)) "${(@Q)words}" 2>/dev/null)}"; do
        case $line in
        '') ;;
        :files) _files ;;
        :folders) _files -/ ;;
        *)
            value=${line%%$'\t'*}
            line=${line#"$value"}
            candidates+=("${value//:/\\:}${line:+:${line#$'\t'}}")
            ;;
        esac
    done
    (( $#candidates )) && _describe -V headroom candidates
}
if [ "$funcstack[1]" = _headroom ]; then
    _headroom "$@"
else
    compdef _headroom headroom
fi
"#;

const FISH: &str = r#"# Completions of headroom for fish, made by `just completions`.
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
"#;

const POWERSHELL: &str = r#"# Completions of headroom for PowerShell, made by `just completions`. Dot-source this file in your $PROFILE.
# UNTESTED: there was no PowerShell where this was written. Please say what it does not do.
Register-ArgumentCompleter -Native -CommandName headroom -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    # A word that has not been begun is not handed over: an empty argument may get lost on the way.
    $at = if ($wordToComplete -eq '') { $words.Count } else { $words.Count - 1 }
    & headroom __complete $at @words 2>$null | Where-Object { $_ -and -not $_.StartsWith(':') } | ForEach-Object {
        $value, $meaning = $_ -split "`t", 2
        if (-not $meaning) { $meaning = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $meaning)
    }
}
"#;

const ELVISH: &str = r#"# Completions of headroom for elvish, made by `just completions`.
# In rc.elv: eval (slurp < /where/this/is/headroom.elv)
use str
set edit:completion:arg-completer[headroom] = {|@words|
  var at = (- (count $words) 1)
  try {
    headroom __complete $at $@words 2>/dev/null | from-lines | each {|line|
      if (or (eq $line ':files') (eq $line ':folders')) {
        edit:complete-filename $words[-1]
      } else {
        var value @meaning = (str:split "\t" $line)
        if (eq $meaning []) {
          put $value
        } else {
          edit:complex-candidate $value &display=$value' ('$meaning[0]')'
        }
      }
    }
  } catch e { }
}
"#;
