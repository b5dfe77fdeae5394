//! Thirty kinds of secrets all over a project's transcripts: none of them gets into a file of ours, a memory file, or a
//! terminal, whatever is learned, replayed or shown.

use crate::world::World;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Letters by chance, the same in every run: no real secret, and none that stands in a repository.
struct Dice(u64);

impl Dice {
    fn of(&mut self, letters: &str, count: usize) -> String {
        let mut drawn = String::new();
        for _ in 0..count {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(self.0 >> 33).expect("31 bits") % letters.len();
            drawn.push_str(&letters[at..=at]);
        }
        drawn
    }
}

/// Thirty secrets as they are written, and what of each must not be seen anywhere.
fn canaries() -> Vec<(String, String)> {
    let hex = "0123456789abcdef";
    let capital = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let forms: [(&str, &str, usize, &str); 30] = [
        ("AKIA", capital, 16, ""),
        ("AWS_SECRET_ACCESS_KEY=", plain, 40, ""),
        ("ghp_", plain, 36, ""),
        ("github_pat_", plain, 82, ""),
        ("glpat-", plain, 20, ""),
        ("xoxb-1234567890-", plain, 24, ""),
        ("sk_live_", plain, 24, ""),
        ("sk-ant-api03-", plain, 95, ""),
        ("sk-proj-", plain, 100, ""),
        ("AIza", plain, 35, ""),
        ("npm_", plain, 36, ""),
        ("hf_", plain, 34, ""),
        ("dapi", hex, 32, ""),
        ("SG.aaaaaaaaaaaaaaaaaaaa1b.", plain, 43, ""),
        ("key-", hex, 32, ""),
        ("SK", hex, 32, ""),
        ("shpat_", hex, 32, ""),
        ("dop_v1_", hex, 64, ""),
        ("hvs.", plain, 90, ""),
        ("glsa_", plain, 41, ""),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", plain, 43, ""),
        ("postgres://app:", plain, 16, "@db.shop.test/shop"),
        ("https://ada:", plain, 16, "@git.shop.test/shop.git"),
        ("Authorization: Bearer ", plain, 40, ""),
        ("--password ", plain, 14, ""),
        ("DB_PASSWORD=", plain, 16, ""),
        ("HEROKU_API_KEY=", hex, 32, ""),
        ("MISTRAL_API_KEY=", plain, 32, ""),
        ("npm.shop.test/:_authToken=", plain, 36, ""),
        ("Cookie: session=", plain, 32, ""),
    ];
    let dice = &mut Dice(20);
    let drawn = forms.map(|(before, letters, count, after)| {
        // A digit, a capital and a small letter in each: chance alone may leave one out.
        let secret = dice.of(letters, count - 3) + if letters == hex { "7a3" } else { "7QX" };
        (format!("{before}{secret}{after}"), secret)
    });
    drawn.into()
}

/// A session of Claude Code in which every sort of thing holds one of the secrets.
fn session(world: &World, id: &str, day: u32, secret: &str, number: usize) -> String {
    let mut lines: Vec<Value> = Vec::new();
    let folder = world.project();
    let mut put = |kind: &str, message: Value| {
        let at = lines.len();
        lines.push(json!({
            "parentUuid": (0 < at).then(|| format!("{id}-{}", at - 1)), "isSidechain": false, "userType": "external",
            "cwd": folder, "sessionId": id, "version": "2.1.197", "gitBranch": "main", "type": kind,
            "message": message, "uuid": format!("{id}-{at}"),
            "timestamp": format!("2026-11-{day:02}T09:{:02}:{:02}.000Z", at / 60, at % 60),
        }));
    };
    let program = format!("ship{number}");
    let bash = |command: String| ("Bash", json!({"command": command, "description": "Runs it"}));
    let noise = format!("{secret}\n").repeat(25);
    let calls: Vec<((&str, Value), String, bool)> = vec![
        // Advice comes of these: what they printed is beside it.
        (
            bash(format!("{program} now")),
            format!("Exit code 127\nbash: {program}: command not found {secret}"),
            true,
        ),
        (bash(format!("npx {program} now")), format!("done {secret}"), false),
        (
            bash(format!("{program} {secret}")),
            format!("Exit code 127\nbash: {program}: command not found {secret}"),
            true,
        ),
        (bash(format!("npx {program} {secret}")), format!("done {secret}"), false),
        (
            bash(format!("npm test -- {secret}")),
            format!(
                "Exit code 1\nnpm error code EBADDEVENGINES\nnpm error This project is configured to use pnpm {secret}"
            ),
            true,
        ),
        (bash(format!("pnpm test -- {secret}")), "ok".to_owned(), false),
        (
            ("Read", json!({"file_path": folder.join(format!("lib/{secret}/cart.rs"))})),
            format!("File does not exist. {secret}"),
            true,
        ),
        (("Read", json!({"file_path": folder.join(format!("src/{secret}/cart.rs"))})), noise.clone(), false),
        (
            (
                "Edit",
                json!({"file_path": folder.join("main.go"), "old_string": format!("    let a = \"{secret}\"\n"), "new_string": secret}),
            ),
            format!("<tool_use_error>String to replace not found in file. {secret}</tool_use_error>"),
            true,
        ),
        (bash(format!("cat 'log {secret}'")), noise.clone(), false),
        (bash(format!("cat 'log {secret}'")), noise.clone(), false),
        (bash(format!("cat 'log {secret}'")), noise, false),
        (
            bash(format!("make --{secret}")),
            format!("Exit code 2\nmake: unrecognized option '--{secret}'"),
            true,
        ),
        (bash("make".to_owned()), "ok".to_owned(), false),
        (
            bash(format!("sudo ship {secret}")),
            format!("Permission to use Bash with command sudo ship {secret} has been denied."),
            true,
        ),
    ];
    put("user", json!({"role": "user", "content": format!("Ship it with {secret}")}));
    for (at, ((tool, input), output, failed)) in calls.into_iter().enumerate() {
        let call = format!("toolu_{id}_{at}");
        let usage = json!({"input_tokens": 4, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 12_000, "output_tokens": 60});
        put(
            "assistant",
            json!({"id": format!("msg_{id}_{at}"), "type": "message", "role": "assistant", "model": "claude-sonnet-4-6",
            "content": [{"type": "text", "text": format!("Now {secret}")}, {"type": "tool_use", "id": call, "name": tool, "input": input}], "usage": usage}),
        );
        put(
            "user",
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": output, "is_error": failed}]}),
        );
    }
    put("user", json!({"role": "user", "content": format!("No, use pnpm with {secret} instead of npm")}));
    put(
        "assistant",
        json!({"id": format!("msg_{id}_z"), "type": "message", "role": "assistant", "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": "Done."}], "usage": {"input_tokens": 4, "output_tokens": 6}}),
    );
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The files below a folder, but for the transcripts.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match entry.file_type().expect("it is there") {
            kind if kind.is_dir() && !path.ends_with(".claude/projects") => files(&path, found),
            kind if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn thirty_kinds_of_secrets_get_into_no_file_and_no_output() {
    let mut world = World::new();
    world.may_leave("work/CLAUDE.md").may_leave("work/AGENTS.md").may_leave("work/CLAUDE.local.md");
    world.file("work/main.go", "func main() {\n\tfmt.Println(\"hello\")\n}\n");
    world.file("work/package.json", "{\"scripts\":{\"test\":\"true\"}}\n");
    world.file("work/pnpm-lock.yaml", "lockfileVersion: 9\n");
    for program in ["npx", "pnpm"] {
        world.agent(program, "true");
    }
    let canaries = canaries();
    let place =
        world.project().to_string_lossy().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let mut logs = Vec::new();
    for (number, (written, _)) in canaries.iter().enumerate() {
        if written.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) {
            world.file(&format!("work/src/{written}/cart.rs"), "");
        }
        for day in [16, 18] {
            let id = format!("{number:08}-0000-4000-8000-{day:012}");
            let text = session(&world, &id, day, written, number % 3);
            let file = world.file(&format!("home/.claude/projects/{place}/{id}.jsonl"), text);
            logs.push(file.to_string_lossy().into_owned());
        }
    }
    let of = |words: &[&'static str]| -> Vec<&str> {
        words.iter().copied().chain(logs.iter().step_by(2).map(String::as_str)).collect()
    };
    let (learned, replayed) = (of(&["learn", "--json", "--session-log"]), of(&["replay"]));
    for arguments in [
        &["learn", "--since", "2026-01-01"][..],
        &["learn", "--since", "2026-01-01", "--json"],
        &learned,
        &["learn", "--since", "2026-01-01", "--apply"],
        &replayed,
        &["replay", &logs[0], &logs[59], "--json"],
        &["inspect"],
        &["inspect", "--json"],
        &["stats"],
        &["stats", "--json"],
        &["stats", "--cache"],
    ] {
        let said = world.run(arguments).both();
        for (written, secret) in &canaries {
            assert!(!said.contains(secret.as_str()), "headroom {} shows {written}:\n{said}", arguments[0]);
        }
    }
    let memory = fs::read_to_string(world.project().join("CLAUDE.md")).expect("something was learned");
    assert!(memory.contains("Run `pnpm`"), "{memory}");
    let mut left = Vec::new();
    files(world.home().parent().expect("the world"), &mut left);
    assert!(left.len() > 2, "{left:?}");
    for file in left {
        let bytes = fs::read(&file).expect("it was just listed");
        for (written, secret) in &canaries {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {written}", file.display());
        }
    }
}
