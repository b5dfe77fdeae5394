//! Real agents from npm, each installed once into the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The program `binary` of `package`, at exactly this version.
///
/// # Errors
/// Why it can't be had.
pub fn program(binary: &str, package: &str, version: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{binary}-{version}"));
    let program = folder.join("node_modules/.bin").join(binary);
    if !program.exists() {
        install(&folder, &format!("{package}@{version}"))?;
    }
    let answers = Command::new(&program).arg("--version").env("HOME", &folder).output();
    let answers = answers.map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&answers.stdout).into_owned();
    if said.split_whitespace().any(|word| word == version) {
        Ok(program)
    } else {
        Err(format!("it says {said:?} when asked for its version"))
    }
}

fn install(folder: &Path, package: &str) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--prefix"])
        .arg(folder)
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("npm: {error}"))?;
    let began = Instant::now();
    loop {
        match npm.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("npm install: {status}")),
            None if Duration::from_secs(240) < began.elapsed() => {
                let _ = npm.kill();
                return Err("npm install takes too long".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
