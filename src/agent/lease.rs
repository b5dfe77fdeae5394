//! Who holds something: a process, known again after it has ended and its number has gone to another.
//!
//! Reads what the system says of processes; never signals one.

use std::path::Path;

/// A process, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// When it was started, in the system's own words; empty when the system does not tell.
    pub started: String,
    /// Which run of the system, and which of its containers, the number counts in; empty when the system does not tell.
    pub system: String,
}

impl Holder {
    /// This process.
    pub fn me() -> Holder {
        let pid = std::process::id();
        Holder { pid, started: started(pid).unwrap_or_default(), system: system() }
    }

    /// True while it runs, and while that can't be told: what is held is not taken from somebody who may be there.
    pub fn is_alive(&self) -> bool {
        let here = system();
        if !self.system.is_empty() && self.system != here {
            // After a reboot nobody is left; in another container we can't look.
            return boot_of(&self.system) == boot_of(&here);
        }
        match started(self.pid) {
            Some(started) => self.started.is_empty() || started == self.started,
            None => false,
        }
    }
}

fn boot_of(system: &str) -> &str {
    system.split(' ').next().unwrap_or_default()
}

/// When the process with this number was started; `None` when there is none.
#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; behind it the fields are plain.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    // What has ended and is not yet waited for holds nothing.
    if matches!(fields.next(), Some("Z" | "X")) {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

/// The same where there is no `/proc`.
#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let ps = std::process::Command::new("/bin/ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output();
    let said = String::from_utf8(ps.ok()?.stdout).ok()?;
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

/// This run of the system, and this container.
fn system() -> String {
    let boot = std::fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default();
    let container = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match boot.trim() {
        "" => String::new(),
        boot => format!("{boot} {}", container.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_known_again_until_it_has_ended() {
        let me = Holder::me();
        assert!(me.is_alive());
        assert!(
            !Holder { started: "1".to_owned(), ..me.clone() }.is_alive(),
            "its number has gone to another"
        );
        let mut child = Command::new("/bin/cat").stdin(Stdio::piped()).spawn().expect("cat runs");
        let holder = Holder { pid: child.id(), started: started(child.id()).expect("it runs"), ..me.clone() };
        assert!(holder.is_alive());
        child.kill().expect("it was alive");
        child.wait().expect("it is ours");
        assert!(!holder.is_alive());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reboot_ends_everybody_and_another_container_nobody() {
        let me = Holder::me();
        let (boot, container) = me.system.split_once(' ').expect("two words");
        assert!(!Holder { system: format!("other {container}"), ..me.clone() }.is_alive());
        let elsewhere = Holder { system: format!("{boot} pid:[1]"), started: "1".to_owned(), ..me };
        assert!(elsewhere.is_alive(), "we can't look");
    }
}
