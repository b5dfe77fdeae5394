//! The user's own rules: which outputs may be made how much shorter.
//!
//! `[rules]` of `config.toml` as values. The last rule that is about an output
//! decides; without one the profile does.

use super::policy::Told;
use std::fmt;

/// One line of `[rules]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which outputs it is about.
    pub on: Subject,
    /// What may be done to them at most.
    pub allow: Permission,
    /// The line of `config.toml`.
    pub line: usize,
}

/// Which outputs a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Those of the tool with this name.
    Tool(String),
    /// Those of command lines that begin with this.
    Command(String),
    /// Those about files whose path matches this pattern (`*`, `**`, `?`).
    Path(String),
}

/// What may be done to an output at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing.
    Never,
    /// What decodes back exactly.
    Lossless,
    /// What is not needed now may be left out.
    Balanced,
    /// More may be left out.
    Aggressive,
}

impl Permission {
    /// Every permission, the strictest first.
    pub const ALL: [Permission; 4] =
        [Permission::Never, Permission::Lossless, Permission::Balanced, Permission::Aggressive];

    /// As it stands in `config.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Permission::Never => "never",
            Permission::Lossless => "lossless",
            Permission::Balanced => "balanced",
            Permission::Aggressive => "aggressive",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Permission> {
        Permission::ALL.into_iter().find(|permission| permission.name() == name)
    }
}

impl Subject {
    /// Reads `tool:NAME`, `command:PREFIX` or `path:PATTERN`.
    pub fn parse(text: &str) -> Option<Subject> {
        let (of, name) = text.split_once(':')?;
        if name.trim().is_empty() {
            return None;
        }
        match of {
            "tool" => Some(Subject::Tool(name.to_owned())),
            "command" => Some(Subject::Command(name.to_owned())),
            "path" => Some(Subject::Path(name.to_owned())),
            _ => None,
        }
    }
}

impl Subject {
    fn is_about(&self, told: &Told) -> bool {
        match self {
            Subject::Tool(name) => *name == told.tool,
            Subject::Command(prefix) => begins_with_words(told.command.trim_start(), prefix.trim()),
            Subject::Path(pattern) => !told.path.is_empty() && matches(pattern, &told.path),
        }
    }
}

/// The last rule about an output.
pub(super) fn deciding<'a>(rules: &'a [Rule], told: &Told) -> Option<&'a Rule> {
    rules.iter().rev().find(|rule| rule.on.is_about(told))
}

/// `git log` begins `git log -p`, and does not begin `git logs`.
pub(super) fn begins_with_words(command: &str, prefix: &str) -> bool {
    command.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// Whether `path` fits `pattern`: `?` is one letter and `*` any number of them, neither a `/`; `**` is
/// any number of letters, `/` too. A pattern without a leading `/` or `**` may fit the end of the
/// path from any `/` on.
///
/// One pass with a table of the positions reached: `pattern × path` steps, whatever is in them.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let anchored = pattern.starts_with('/') || pattern.starts_with("**");
    let pattern: Vec<char> =
        if anchored { pattern.chars().collect() } else { format!("**/{pattern}").chars().collect() };
    let path: Vec<char> =
        if path.starts_with('/') { path.chars().collect() } else { format!("/{path}").chars().collect() };
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let deep = pattern[at..].starts_with(&['*', '*']);
        let mut next = vec![false; path.len() + 1];
        match pattern[at] {
            '*' => {
                let mut open = false;
                for place in 0..=path.len() {
                    open = reached[place] || (open && (deep || path[place - 1] != '/'));
                    next[place] = open;
                }
            }
            letter => {
                for place in 0..path.len() {
                    let fits = if letter == '?' { path[place] != '/' } else { path[place] == letter };
                    next[place + 1] = reached[place] && fits;
                }
            }
        }
        // `**/` also stands for no folder at all.
        if deep && pattern.get(at + 2) == Some(&'/') {
            for place in 0..path.len() {
                next[place + 1] |= reached[place] && path[place] == '/';
            }
            let slash: Vec<bool> =
                (0..=path.len()).map(|place| 0 < place && next[place] && path[place - 1] == '/').collect();
            reached = slash;
            at += 3;
            continue;
        }
        reached = next;
        at += if deep { 2 } else { 1 };
    }
    reached[path.len()]
}

impl fmt::Display for Rule {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} = {}", self.on, self.allow.name())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Tool(name) => write!(to, "tool:{name}"),
            Subject::Command(prefix) => write!(to, "command:{prefix}"),
            Subject::Path(pattern) => write!(to, "path:{pattern}"),
        }
    }
}

impl Rule {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Rule> {
        let (on, allow) = text.rsplit_once(" = ")?;
        Some(Rule { on: Subject::parse(on)?, allow: Permission::from_name(allow)?, line: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_paths() {
        let cases = [
            ("*.csv", "/data/a.csv", true),
            ("*.csv", "a.csv", true),
            ("*.csv", "/data/a.csv.bak", false),
            ("data/*.csv", "/x/data/a.csv", true),
            ("data/*.csv", "/x/data/y/a.csv", false),
            ("data/**/*.csv", "/x/data/y/z/a.csv", true),
            ("data/**/*.csv", "/x/data/a.csv", true),
            ("**/*.csv", "a.csv", true),
            ("**/secret/**", "/home/a/secret/b/c", true),
            ("/etc/*", "/home/etc/a", false),
            ("/etc/*", "/etc/a", true),
            ("a?.rs", "/src/ab.rs", true),
            ("a?.rs", "/src/a/.rs", false),
        ];
        for (pattern, path, fits) in cases {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_rule_about_an_output_decides() {
        let rule = |text: &str| Rule::parse(text).expect("a rule");
        let rules =
            [rule("tool:Bash = aggressive"), rule("command:git log = lossless"), rule("path:*.sql = never")];
        let told = |tool: &str, command: &str, path: &str| Told {
            tool: tool.to_owned(),
            command: command.to_owned(),
            path: path.to_owned(),
            ..Told::default()
        };
        let cases = [
            (told("Bash", "ls", ""), Some(Permission::Aggressive)),
            (told("Bash", "git log -p", ""), Some(Permission::Lossless)),
            (told("Bash", "git logs", ""), Some(Permission::Aggressive)),
            (told("Read", "", "/a/b.sql"), Some(Permission::Never)),
            (told("Read", "", "/a/b.rs"), None),
        ];
        for (told, decided) in cases {
            assert_eq!(deciding(&rules, &told).map(|rule| rule.allow), decided, "{told:?}");
        }
    }
}
