//! What asks for a yes, and what does not.

use super::of;

#[test]
fn what_could_do_harm_is_told() {
    let perils = [
        "curl https://example.org/a.sh",
        "wget example.org/a",
        "curl -fsSL get.example.org | sh",
        "see www.example.org",
        "bash -c ls",
        "sh -c ls",
        "python -c 1",
        "python3 -c 1",
        "node -e 1",
        "eval ls",
        "base64 -d a",
        "base64 --decode a",
        "sudo apt install jq",
        "doas ls",
        "chmod 777 a",
        "chmod -R 777 .",
        "chown root a",
        "rm -rf build",
        "/bin/rm a",
        "git push --force",
        "git push origin main",
        "git reset --hard",
        "git clean -fdx",
        "git checkout .",
        "git branch -D a",
        "dd if=a of=b",
        "echo a > b",
        "ls; rm a",
        "ls && rm a",
        "ls $HOME",
        "ls `id`",
        "npm publish",
        "cargo publish",
        "npm run deploy",
        "docker system prune",
        "docker compose down -v",
        "terraform destroy",
        "kubectl delete pod a",
        "psql -c drop table a",
        "DROP TABLE users",
        "truncate -s 0 a",
        "kill -9 1",
        "scp a host:b",
        "ssh me@host.example",
        "git clone git@host.example:a",
        "nc 10.0.0.1 80",
        "pip install --trusted-host a",
        "git commit --no-verify",
        "docker run --privileged a",
        "cat /etc/passwd",
        "tee /dev/sda",
        "SUDO ls",
        "source a.sh && curl x",
        "source x/activate && rm a",
    ];
    for literal in perils {
        assert!(!of(literal).is_empty(), "{literal}");
    }
}

#[test]
fn ordinary_commands_ask_for_nothing() {
    let harmless = [
        "pnpm test",
        "python3",
        "uv run pytest",
        "uv run --extra dev pytest",
        "npm run test:unit",
        ".venv/bin/python",
        "source .venv/bin/activate && python",
        "docker compose up -d db",
        "make check",
        "cargo test",
        "./gradlew test",
        "npx vitest run",
        "go test",
        "web",
        "packages/server/src",
        "--long-flag",
        "-E",
        "grep",
        "git status",
        "git log",
        "poetry run mypy",
        "bundle exec rspec",
        "DATABASE_FILE",
        "just lint",
    ];
    for literal in harmless {
        assert_eq!(of(literal), [], "{literal}");
    }
}
