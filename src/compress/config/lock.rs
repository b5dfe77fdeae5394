//! Lock files: which package is locked at which version, in any of their formats.
//!
//! One line goes in at a time, so that the two sides of a diff can be read as
//! well as a whole file. Nothing is decided here about what is shown of a diff.

/// How a lock file writes its packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `name = "x"`, then `version = "1"`: Cargo.lock, poetry.lock, uv.lock, pdm.lock.
    Toml,
    /// `"x": {` or `"name": "x"`, then `"version": "1"`: package-lock.json, composer.lock, Pipfile.lock, flake.lock.
    Json,
    /// `x@^1:`, then an indented `version "1"`: yarn.lock.
    Yarn,
    /// `x@1:` as an indented key: pnpm-lock.yaml.
    Pnpm,
    /// `x v1 h1:…`: go.sum.
    GoSum,
    /// `x (1)`: Gemfile.lock, Podfile.lock.
    Bracketed,
    /// `x:`, then `version: "1"`, both indented: pubspec.lock.
    Pubspec,
    /// `"x": {:hex, :x, "1", …`: mix.lock.
    Mix,
    /// `"x": ["x@1", …`: bun.lock.
    Bun,
    /// `group:x:1=…`: gradle.lockfile.
    Gradle,
}

/// Names of lock files and how they are written.
const NAMES: &[(&str, Format)] = &[
    ("cargo.lock", Format::Toml),
    ("poetry.lock", Format::Toml),
    ("uv.lock", Format::Toml),
    ("pdm.lock", Format::Toml),
    ("pylock.toml", Format::Toml),
    ("package-lock.json", Format::Json),
    (".package-lock.json", Format::Json),
    ("npm-shrinkwrap.json", Format::Json),
    ("composer.lock", Format::Json),
    ("pipfile.lock", Format::Json),
    ("packages.lock.json", Format::Json),
    ("flake.lock", Format::Json),
    ("deno.lock", Format::Bun),
    ("yarn.lock", Format::Yarn),
    ("pnpm-lock.yaml", Format::Pnpm),
    ("go.sum", Format::GoSum),
    ("go.work.sum", Format::GoSum),
    ("gemfile.lock", Format::Bracketed),
    ("podfile.lock", Format::Bracketed),
    ("pubspec.lock", Format::Pubspec),
    ("mix.lock", Format::Mix),
    ("bun.lock", Format::Bun),
    ("gradle.lockfile", Format::Gradle),
];

/// Keys of JSON lock files that name no package.
const NO_PACKAGES: &[&str] = &[
    "dependencies",
    "packages",
    "requires",
    "peerDependencies",
    "peerDependenciesMeta",
    "optionalDependencies",
    "devDependencies",
    "engines",
    "bin",
    "funding",
    "dist",
    "source",
    "locked",
    "original",
    "inputs",
    "nodes",
    "require",
    "require-dev",
    "autoload",
    "extra",
    "support",
    "default",
    "develop",
    "_meta",
];

/// How the lock file at `path` is written; `None` for any other file.
pub fn format_of(path: &str) -> Option<Format> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    NAMES.iter().find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, format)| *format)
}

/// A package at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locked<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The version it is locked at: a number, or a revision.
    pub version: &'a str,
}

/// Reads the lines of one lock file, or of one side of its diff, in order.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    format: Format,
    name: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// A reader that has seen nothing yet.
    pub fn of(format: Format) -> Reader<'a> {
        Reader { format, name: None }
    }

    /// Forgets the package that was begun: lines are missing here.
    pub fn skip(&mut self) {
        self.name = None;
    }

    /// The package that was begun and has no version yet.
    pub fn begun(&self) -> Option<&'a str> {
        self.name
    }

    /// The package that `line` completes.
    pub fn read(&mut self, line: &'a str) -> Option<Locked<'a>> {
        let text = line.trim_ascii();
        match self.format {
            Format::Toml => {
                if text == "[[package]]" {
                    self.name = None;
                } else if let Some(name) = value(text, "name = ") {
                    self.name = Some(name);
                } else if let Some(version) = value(text, "version = ") {
                    return self.locked(version);
                }
                None
            }
            Format::Json => self.read_json(text),
            Format::Yarn => {
                if !line.starts_with([' ', '#']) && text.ends_with(':') {
                    self.name = specified(text.trim_end_matches(':').trim_matches('"'));
                    return None;
                }
                let version = text.strip_prefix("version").and_then(|rest| rest.strip_prefix([' ', ':']))?;
                self.locked(version.trim_ascii().trim_matches('"'))
            }
            Format::Pnpm => {
                let key = text.strip_suffix(':').or_else(|| text.strip_suffix(": {}"))?;
                let indented = line.starts_with("  ") && !line.starts_with("   ");
                let key = key.trim_matches('\'').trim_start_matches('/');
                let key = &key[..key.find('(').unwrap_or(key.len())];
                let at = key.get(1..)?.rfind(['@', '/'])? + 1;
                let version = &key[at + 1..];
                (indented && numbered(version)).then_some(Locked { name: &key[..at], version })
            }
            Format::GoSum => {
                let mut words = text.split(' ');
                let (name, version, sum) = (words.next()?, words.next()?, words.next()?);
                let version = version.strip_suffix("/go.mod").unwrap_or(version);
                (version.starts_with('v') && sum.starts_with("h1:")).then_some(Locked { name, version })
            }
            Format::Bracketed => {
                let text = text.strip_prefix("- ").unwrap_or(text);
                let deep = line.starts_with("     ") && !text.is_empty();
                let (name, rest) = text.trim_end_matches(':').trim_matches('"').split_once(" (")?;
                let version = rest.strip_suffix(')')?;
                (!deep && numbered(version)).then_some(Locked { name, version })
            }
            Format::Pubspec => {
                if let Some(version) = text.strip_prefix("version: ") {
                    return self.locked(version.trim_matches('"'));
                }
                if line.starts_with("  ") && !line.starts_with("   ") {
                    self.name = text.strip_suffix(':');
                }
                None
            }
            Format::Mix => {
                let (name, rest) = text.strip_prefix('"')?.split_once("\": {")?;
                let version = rest.split('"').nth(1)?;
                Some(Locked { name, version })
            }
            Format::Bun => {
                let (_, rest) = text.strip_prefix('"')?.split_once("\": [\"")?;
                let specified = &rest[..rest.find('"')?];
                let at = specified.get(1..)?.rfind('@')? + 1;
                Some(Locked { name: &specified[..at], version: &specified[at + 1..] })
            }
            Format::Gradle => {
                let (package, _) = text.split_once('=')?;
                let (name, version) = package.rsplit_once(':')?;
                (name.contains(':') && numbered(version)).then_some(Locked { name, version })
            }
        }
    }

    fn read_json(&mut self, text: &'a str) -> Option<Locked<'a>> {
        let (key, rest) = text.strip_prefix('"')?.split_once("\":")?;
        let rest = rest.trim_ascii();
        if rest == "{" {
            let name = key.rsplit("node_modules/").next().unwrap_or(key);
            if !NO_PACKAGES.contains(&name) {
                self.name = Some(name);
            }
            return None;
        }
        let text = || rest.trim_end_matches(',').strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match key {
            "name" | "repo" => {
                self.name = text().or(self.name);
                None
            }
            "version" | "rev" | "resolved" => {
                let version = text().filter(|version| !version.contains("://"))?;
                self.locked(version.trim_start_matches("=="))
            }
            _ => None,
        }
    }

    fn locked(&mut self, version: &'a str) -> Option<Locked<'a>> {
        let name = self.name.take().filter(|name| !name.is_empty())?;
        (!version.is_empty()).then_some(Locked { name, version })
    }
}

/// What stands in quotes after `key`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.strip_prefix(key)?.strip_prefix('"')?.strip_suffix('"')
}

/// The name in `@scope/x@^1.0, @scope/x@^1.1` or `x@npm:^1`.
fn specified(text: &str) -> Option<&str> {
    let first = text.split(',').next()?.trim_ascii().trim_matches('"');
    let at = first.get(1..)?.find('@')? + 1;
    Some(&first[..at])
}

fn numbered(version: &str) -> bool {
    version.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_every_format() {
        let cases = [
            (
                "Cargo.lock",
                "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.203\"\nsource = \"registry\"\ndependencies = [\n \"syn\",\n]\n",
                "serde 1.0.203",
            ),
            (
                "web/package-lock.json",
                "{\n  \"name\": \"shop\",\n  \"lockfileVersion\": 3,\n  \"packages\": {\n    \"node_modules/a/node_modules/@x/b\": {\n      \"version\": \"2.1.0\",\n      \"engines\": {\n",
                "@x/b 2.1.0",
            ),
            (
                "package-lock.json",
                "    \"left-pad\": {\n      \"version\": \"1.3.0\",\n      \"resolved\": \"https://r/x.tgz\",\n      \"requires\": {\n",
                "left-pad 1.3.0",
            ),
            (
                "composer.lock",
                "            \"name\": \"symfony/console\",\n            \"version\": \"v6.4.1\",\n",
                "symfony/console v6.4.1",
            ),
            (
                "flake.lock",
                "        \"owner\": \"NixOS\",\n        \"repo\": \"nixpkgs\",\n        \"rev\": \"abc123\",\n",
                "nixpkgs abc123",
            ),
            (
                "yarn.lock",
                "# yarn lockfile v1\n\n\"@a/b@^1.0.0\", \"@a/b@^1.1.0\":\n  version \"1.1.4\"\n  resolved \"https://x\"\n",
                "@a/b 1.1.4",
            ),
            ("yarn.lock", "\"a@npm:^1.0.0\":\n  version: 1.1.4\n  resolution: \"a@npm:1.1.4\"\n", "a 1.1.4"),
            (
                "pnpm-lock.yaml",
                "packages:\n\n  /a@1.2.3:\n    resolution: {}\n  '@x/b@2.0.0(a@1.2.3)':\n    resolution: {}\n",
                "a 1.2.3, @x/b 2.0.0",
            ),
            (
                "go.sum",
                "github.com/a/b v1.2.3 h1:xx=\ngithub.com/a/b v1.2.3/go.mod h1:yy=\n",
                "github.com/a/b v1.2.3, github.com/a/b v1.2.3",
            ),
            ("Gemfile.lock", "GEM\n  specs:\n    rails (7.0.1)\n      actionpack (= 7.0.1)\n", "rails 7.0.1"),
            (
                "pubspec.lock",
                "packages:\n  args:\n    dependency: transitive\n    description:\n      name: args\n    version: \"2.4.0\"\n",
                "args 2.4.0",
            ),
            (
                "mix.lock",
                "  \"jason\": {:hex, :jason, \"1.4.1\", \"aa\", [:mix], [], \"hexpm\"},\n",
                "jason 1.4.1",
            ),
            ("bun.lock", "    \"react\": [\"react@18.2.0\", \"\", {}, \"sha512-x\"],\n", "react 18.2.0"),
            (
                "gradle.lockfile",
                "com.google.guava:guava:31.1-jre=compileClasspath\nempty=\n",
                "com.google.guava:guava 31.1-jre",
            ),
        ];
        for (path, text, want) in cases {
            let mut reader = Reader::of(format_of(path).expect("a lock file"));
            let found: Vec<String> = text
                .lines()
                .filter_map(|line| reader.read(line))
                .map(|its| format!("{} {}", its.name, its.version))
                .collect();
            assert_eq!(found.join(", "), want, "{path}");
        }
        assert_eq!(format_of("src/lock.rs"), None);
    }
}
