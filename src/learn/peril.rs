//! What in a literal could do harm where it is followed: then it is never written without a yes.
//!
//! *Invariant:* when in doubt, a yes is asked for.

/// Why advice needs an explicit yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peril {
    /// It names an address.
    Address,
    /// It fetches something.
    Fetches,
    /// It gives a text to a shell, or evaluates it.
    Evaluates,
    /// It acts as another user, or changes who may do what.
    Rights,
    /// It destroys or overwrites.
    Destroys,
    /// It sends something away, or takes it back from where others have it.
    Publishes,
}

impl Peril {
    /// The reason in words, as it follows "because".
    pub fn words(self) -> &'static str {
        match self {
            Peril::Address => "it names an address",
            Peril::Fetches => "it fetches something",
            Peril::Evaluates => "it gives a text to a shell",
            Peril::Rights => "it acts with other rights",
            Peril::Destroys => "it destroys or overwrites",
            Peril::Publishes => "it publishes something",
        }
    }
}

/// Programs that do harm by what they are, and the peril.
const PROGRAMS: &[(&[&str], Peril)] = &[
    (
        &[
            "curl", "wget", "aria2c", "fetch", "scp", "sftp", "ftp", "rsync", "nc", "ncat", "netcat",
            "telnet", "ssh",
        ],
        Peril::Fetches,
    ),
    (&["eval", "xargs", "iex", "invoke-expression", "powershell", "pwsh", "osascript"], Peril::Evaluates),
    (
        &[
            "sudo",
            "doas",
            "su",
            "chmod",
            "chown",
            "chgrp",
            "setfacl",
            "visudo",
            "usermod",
            "passwd",
            "setenforce",
        ],
        Peril::Rights,
    ),
    (
        &[
            "rm", "rmdir", "shred", "dd", "mkfs", "fdisk", "parted", "wipefs", "truncate", "kill", "killall",
            "pkill", "shutdown", "reboot", "halt", "del", "format", "unlink", "crontab",
        ],
        Peril::Destroys,
    ),
];

/// Words anywhere in a literal that do harm, and the peril. All of a row's words must be there.
const WORDS: &[(&[&str], Peril)] = &[
    (&["reset", "--hard"], Peril::Destroys),
    (&["git", "clean"], Peril::Destroys),
    (&["git", "restore"], Peril::Destroys),
    (&["git", "checkout", "."], Peril::Destroys),
    (&["stash", "drop"], Peril::Destroys),
    (&["branch", "-d"], Peril::Destroys),
    (&["--delete"], Peril::Destroys),
    (&["-delete"], Peril::Destroys),
    (&["--purge"], Peril::Destroys),
    (&["prune"], Peril::Destroys),
    (&["destroy"], Peril::Destroys),
    (&["drop"], Peril::Destroys),
    (&["truncate"], Peril::Destroys),
    (&["delete"], Peril::Destroys),
    (&["uninstall"], Peril::Destroys),
    (&["down", "-v"], Peril::Destroys),
    (&["down", "--volumes"], Peril::Destroys),
    (&["filter-branch"], Peril::Destroys),
    (&["filter-repo"], Peril::Destroys),
    (&["push"], Peril::Publishes),
    (&["publish"], Peril::Publishes),
    (&["deploy"], Peril::Publishes),
    (&["release"], Peril::Publishes),
    (&["upload"], Peril::Publishes),
    (&["base64", "-d"], Peril::Evaluates),
    (&["base64", "--decode"], Peril::Evaluates),
    (&["-enc"], Peril::Evaluates),
    (&["-encodedcommand"], Peril::Evaluates),
    (&["--no-verify"], Peril::Rights),
    (&["--privileged"], Peril::Rights),
    (&["--dangerously-skip-permissions"], Peril::Rights),
    (&["--yolo"], Peril::Rights),
    (&["--unsafe-perm"], Peril::Rights),
    (&["--insecure"], Peril::Rights),
    (&["--trusted-host"], Peril::Rights),
];

/// Interpreters, and the flags after which they run a text.
const INTERPRETERS: &[&str] = &[
    "sh", "bash", "zsh", "dash", "fish", "ksh", "python", "python3", "node", "ruby", "perl", "php", "deno",
    "bun", "cmd",
];

/// Why writing `literal` needs a yes; empty when it needs none.
pub fn of(literal: &str) -> Vec<Peril> {
    // The files of one kind are no command.
    if literal
        .strip_prefix("*.")
        .is_some_and(|kind| kind.chars().all(|letter| letter.is_ascii_alphanumeric()))
    {
        return Vec::new();
    }
    let lower = literal.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let mut perils = Vec::new();
    if lower.contains("://") || lower.contains("www.") || words.iter().any(|word| is_address(word)) {
        perils.push(Peril::Address);
    }
    // Nothing that a shell would read as more than words.
    if lower.contains(['|', ';', '<', '>', '$', '&', '\\', '*', '?', '!', '(', '{', '`'])
        && !is_sourcing(&lower)
    {
        perils.push(Peril::Evaluates);
    }
    if lower.contains("/dev/") || lower.contains("/etc/") || lower.contains("/proc/") {
        perils.push(Peril::Destroys);
    }
    let names = words.iter().map(|word| super::command::name_of(word)).collect::<Vec<_>>();
    for (programs, peril) in PROGRAMS {
        if names.iter().any(|name| programs.contains(name)) {
            perils.push(*peril);
        }
    }
    for (row, peril) in WORDS {
        if row.iter().all(|word| words.iter().any(|have| have.split(['=', ':']).next() == Some(word))) {
            perils.push(*peril);
        }
    }
    let runs_text = |pair: &[&str]| {
        INTERPRETERS.iter().any(|name| pair.contains(name))
            && pair.iter().any(|word| matches!(*word, "-c" | "-e" | "-r" | "-lc" | "/c" | "--eval"))
    };
    if runs_text(&names) {
        perils.push(Peril::Evaluates);
    }
    perils
}

/// `source .venv/bin/activate && python`: the one form of two commands that a lesson has.
fn is_sourcing(literal: &str) -> bool {
    let Some((first, second)) = literal.strip_prefix("source ").and_then(|rest| rest.split_once(" && "))
    else {
        return false;
    };
    let plain = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || " ._-/".contains(letter));
    first.ends_with("/activate") && plain(first) && plain(second)
}

/// `user@host:path`, `10.0.0.1`, `host.example:8080`: where something else is reached.
fn is_address(word: &str) -> bool {
    let numbers = word.split(['.', ':', '/']).take(4).filter(|part| part.parse::<u8>().is_ok()).count();
    let dotted = numbers == 4 && word.matches('.').count() == 3;
    let at = word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains(['.', ':']));
    dotted || at
}

#[cfg(test)]
mod tests;
