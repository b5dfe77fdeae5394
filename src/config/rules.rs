//! The user's own rules: which outputs may be made how much shorter.
//!
//! `[rules]` of `config.toml`, read into values. What a rule does to a block is
//! decided by `rewrite`, not here.

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

impl fmt::Display for Subject {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Tool(name) => write!(to, "tool:{name}"),
            Subject::Command(prefix) => write!(to, "command:{prefix}"),
            Subject::Path(pattern) => write!(to, "path:{pattern}"),
        }
    }
}
