//! Variables of an environment: the user's, and the agent's that is made from it.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

/// An environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// What `wrap` sets for whatever is started inside: the proxy's URL, where that leads, the folder, the agent, and what
/// it changed.
pub const MARKS: [&str; 5] =
    ["HEADROOM_PROXY", "HEADROOM_GOES_TO", "HEADROOM_PROJECT", "HEADROOM_AGENT", BEFORE];
const BEFORE: &str = "HEADROOM_BEFORE";

/// Names a client reads its exceptions from the proxy under; some know only one of them.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// Where our proxy is: these hosts are never asked for through another.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "localhost"];

impl Environment {
    /// The value of a variable; `None` when it is unset, empty or not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name)).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// The value as it is; `None` when it is unset.
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &str) {
        self.0.remove(OsStr::new(name));
    }

    /// Adds a folder at the end of the PATH.
    pub fn append_to_path(&mut self, folder: &std::path::Path) {
        let mut path = self.raw("PATH").unwrap_or_default().to_owned();
        if !path.is_empty() {
            path.push(":");
        }
        path.push(folder);
        self.set("PATH", path);
    }

    /// Every variable, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Writes down what was changed of `users`, so that whatever is started inside can begin from that again.
    pub fn note_changes(&mut self, users: &Environment) {
        let names: BTreeSet<&OsString> = self.0.keys().chain(users.0.keys()).collect();
        let mut changes = serde_json::Map::new();
        for name in names.into_iter().filter(|name| self.0.get(*name) != users.0.get(*name)) {
            let said = |environment: &Environment| {
                environment.0.get(name).and_then(|value| value.to_str()).map(str::to_owned)
            };
            if let Some(name) = name.to_str().filter(|name| !MARKS.contains(name)) {
                changes.insert(name.to_owned(), json!({"was": said(users), "is": said(self)}));
            }
        }
        self.set(BEFORE, Value::Object(changes).to_string());
    }

    /// As it was before a headroom around us changed it, and without that one's own variables. What was set to
    /// something else meanwhile stays.
    pub fn before_headroom(&self) -> Environment {
        let mut environment = self.clone();
        let changes = self.get(BEFORE).and_then(|changes| serde_json::from_str::<Value>(changes).ok());
        for (name, change) in changes.as_ref().and_then(Value::as_object).into_iter().flatten() {
            if self.raw(name).and_then(OsStr::to_str) == change["is"].as_str() {
                match change["was"].as_str() {
                    Some(was) => environment.set(name, was),
                    None => environment.unset(name),
                }
            }
        }
        MARKS.into_iter().for_each(|name| environment.unset(name));
        environment
    }

    /// Keeps loopback away from any proxy, under both names that clients read.
    ///
    /// With `HTTPS_PROXY` set, agents send even their requests to 127.0.0.1 there otherwise.
    pub fn keep_loopback_direct(&mut self) {
        let values = NO_PROXY.map(|name| self.get(name).map(str::to_owned));
        for (at, name) in NO_PROXY.into_iter().enumerate() {
            let own = values[at].as_deref().or(values[1 - at].as_deref());
            self.set(name, with_loopback(own.unwrap_or_default()));
        }
    }
}

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<T: IntoIterator<Item = (OsString, OsString)>>(variables: T) -> Environment {
        Environment(variables.into_iter().collect())
    }
}

/// A list of exceptions with loopback on it.
pub fn with_loopback(list: &str) -> String {
    let mut hosts: Vec<&str> = list.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    if hosts.contains(&"*") {
        return list.to_owned();
    }
    for host in LOOPBACK {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
    }

    #[test]
    fn loopback_is_kept_from_any_proxy_under_both_names() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
        let cases: [Case; 4] = [
            (&[], "127.0.0.1,localhost", "127.0.0.1,localhost"),
            (
                &[("NO_PROXY", "corp.example")],
                "corp.example,127.0.0.1,localhost",
                "corp.example,127.0.0.1,localhost",
            ),
            (&[("NO_PROXY", "a, localhost"), ("no_proxy", "*")], "a,localhost,127.0.0.1", "*"),
            (&[("no_proxy", "b")], "b,127.0.0.1,localhost", "b,127.0.0.1,localhost"),
        ];
        for (given, upper, lower) in cases {
            let mut environment = environment(given);
            environment.keep_loopback_direct();
            assert_eq!(environment.get("NO_PROXY"), Some(upper), "{given:?}");
            assert_eq!(environment.get("no_proxy"), Some(lower), "{given:?}");
        }
    }

    #[test]
    fn what_was_changed_is_taken_back_unless_somebody_else_has_changed_it_too() {
        let users = environment(&[("URL", "https://own"), ("KEEP", "1"), ("GONE", "x"), ("OTHER", "2")]);
        let mut agents = users.clone();
        agents.set("URL", "http://127.0.0.1:1/s");
        agents.set("NEW", "n");
        agents.set("OTHER", "ours");
        agents.unset("GONE");
        agents.set("HEADROOM_PROXY", "http://127.0.0.1:1/s");
        agents.note_changes(&users);
        assert_eq!(agents.before_headroom(), users);
        agents.set("OTHER", "theirs");
        assert_eq!(agents.before_headroom().get("OTHER"), Some("theirs"));
        let mut inner = agents.before_headroom();
        inner.set("OTHER", "2");
        assert_eq!(inner, users);
        assert_eq!(users.before_headroom(), users, "without a headroom around us nothing is taken back");
    }
}
