//! Made-up secrets of every kind in the places where they stand, and ordinary lines that hold none.

use super::{find, kinds, masked};
use proptest::prelude::*;

/// Chance from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn of(&mut self, letters: &str, count: usize) -> String {
        (0..count).map(|_| letters.as_bytes()[self.roll(letters.len())] as char).collect()
    }
}

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const PLAIN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `form` with its holes filled: `{x32}` hex, `{A16}` capitals, `{b36}` letters and digits, `{u40}` with `-` and `_`, `{s40}`
/// base64, `{l20}` small letters, `{d8}` digits, `{p14}` a password, `{g}` a GUID, `{j30}` base64 of JSON. Also what filled them.
fn filled(form: &str, dice: &mut Dice) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut holes = Vec::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let hole = after
            .split_once('}')
            .filter(|(hole, _)| hole.len() <= 4 && hole.starts_with(|c| "xAbusldpg".contains(c)));
        let Some((hole, behind)) =
            hole.filter(|(hole, _)| hole[1..].bytes().all(|byte| byte.is_ascii_digit()))
        else {
            text.push('{');
            rest = after;
            continue;
        };
        let count: usize = hole[1..].parse().unwrap_or(0);
        let drawn = match &hole[..1] {
            "x" => dice.of(HEX, count),
            "A" => dice.of(CAPITAL, count),
            "b" => dice.of(PLAIN, count),
            "u" => dice.of(&format!("{PLAIN}-_"), count - 1) + &dice.of(PLAIN, 1),
            "s" => dice.of(&format!("{PLAIN}+/"), count - 1) + &dice.of(PLAIN, 1),
            "l" => dice.of(SMALL, count),
            "d" => dice.of(DIGITS, count),
            "p" => {
                let signs = format!("{PLAIN}{PLAIN}!#+%^*");
                dice.of("abcdefghkmnpqrstuvwxyz", 2) + &dice.of(DIGITS, 1) + &dice.of(&signs, count - 3)
            }
            _ => [8, 4, 4, 4, 12].map(|part| dice.of(HEX, part)).join("-"),
        };
        text.push_str(&drawn);
        holes.push(drawn);
        rest = behind;
    }
    text.push_str(rest);
    (text, holes)
}

/// Tokens that stand alone.
#[rustfmt::skip]
const ALONE: &[&str] = &[
    "AKIA{A16}", "ASIA{A16}", "AIza{u35}", "ya29.{u120}", "GOCSPX-{u28}", "1//0{u60}", "ABSK{s120}",
    "ghp_{b36}", "gho_{b36}", "ghu_{b36}", "ghs_{b36}", "ghr_{b36}", "github_pat_{b22}_{b59}",
    "glpat-{u20}", "glptt-{x40}", "glrt-{u20}", "gldt-{u20}", "ATBB{b32}", "ATATT3xFfG{u180}",
    "xoxb-{d12}-{d12}-{b24}", "xoxp-{d11}-{d11}-{d12}-{x32}", "xapp-1-A{A10}-{d12}-{x64}", "xoxc-{d12}-{d12}-{x64}",
    "https://hooks.slack.com/services/T{A10}/B{A10}/{b24}", "https://discord.com/api/webhooks/{d18}/{u68}",
    "https://outlook.webhook.office.com/webhookb2/{g}@{g}/IncomingWebhook/{x32}/{g}",
    "MT{b22}.G{b5}.{u38}", "{d10}:AA{u33}",
    "sk_live_{b24}", "sk_test_{b99}", "rk_live_{b24}", "whsec_{b32}",
    "SK{x32}", "SG.{u22}.{u43}", "key-{x32}", "{x32}-us14", "xkeysib-{x64}-{b16}", "re_{b8}_{b24}",
    "npm_{b36}", "pypi-AgEIcHlwaS5vcmc{u70}", "cio{b32}", "rubygems_{x48}", "oy2{l43}", "CLOJARS_{l60}",
    "dckr_pat_{u27}", "hf_{b34}", "sk-{b48}", "sk-proj-{u120}", "sk-svcacct-{u120}", "sk-ant-api03-{u93}AA", "sk-ant-oat01-{u93}AA",
    "sk-or-v1-{x64}", "gsk_{b52}", "xai-{b80}", "pplx-{b48}", "r8_{b37}", "nvapi-{u64}", "tvly-{b32}", "pcsk_{b6}_{b63}",
    "lsv2_pt_{x32}_{x10}", "sk_{x48}", "csk-{l48}", "tgp_v1_{u43}", "sk-{x32}",
    "dapi{x32}", "dapi{x32}-2", "NRAK-{A27}", "NRII-{u32}", "{x32}FFFFNRAL", "sntrys_eyJ{b90}_{b43}", "sntryu_{x64}",
    "shpat_{x32}", "shpss_{x32}", "shpca_{x32}", "sq0atp-{u22}", "sq0csp-{u43}", "EAAA{u60}",
    "HRKU-{g}", "dop_v1_{x64}", "doo_v1_{x64}", "v1.0-{x24}-{x146}", "vcp_{b56}", "nfp_{b40}", "sbp_{x40}", "sb_secret_{u31}",
    "hvs.{u90}", "hvb.{u120}", "s.{b24}", "{b14}.atlasv1.{u67}", "pul-{x40}", "glsa_{b32}_{x8}", "glc_eyJ{b90}",
    "dp.pt.{b43}", "pscale_tkn_{u43}", "tskey-auth-{b12}-{b32}", "fo1_{u43}", "fm2_{s120}", "rnd_{b32}",
    "PMAK-{x24}-{x34}", "lin_api_{b40}", "ntn_{d11}{b35}", "secret_{b43}", "figd_{u40}", "pat{b14}.{x64}", "tfp_{b44}_{b14}",
    "AGE-SECRET-KEY-1{A58}", "CCIPAT_{b22}_{x40}", "sqp_{x40}", "AKCp{b69}", "access_token$production${l16}${x32}",
    "access-sandbox-{g}", "EZAK{b54}", "shippo_live_{x40}", "duffel_test_{u43}", "FLWSECK_TEST-{b32}-X", "rzp_live_{b14}",
    "phx_{b43}", "dt0c01.{A24}.{A64}", "LTAI{b20}", "amzn.mws.{g}", "sl.{u136}", "bkua_{x40}", "ops_eyJ{b200}",
    "eyJhbGciOiJIUzI1NiJ9.eyJ{b40}.{u43}", "{b3}8Q~{b34}", "IQoJb3JpZ2lu{s300}", "sdk-{g}", "AAAAAAAAAAAAAAAAAAAAA{b80}",
];

/// Secrets that only stand beside a name, or in lines of their own.
#[rustfmt::skip]
const NAMED: &[&str] = &[
    "aws_secret_access_key = {s40}", "AWS_SECRET_ACCESS_KEY={s40}", "\"SecretAccessKey\": \"{s40}\"", "aws_session_token={s300}",
    "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={s86}==;EndpointSuffix=core.windows.net",
    "SharedAccessKeyName=Root;SharedAccessKey={s43}=", "https://shop.blob.core.windows.net/a?sv=2024-11-04&se=2026-01-01&sr=b&sig={b43}%3D",
    "AZURE_CLIENT_SECRET={u40}", "client_secret: {u40}", "\"refresh_token\": \"{u60}\"", "DD_API_KEY={x32}", "dd-api-key: {x32}",
    "HEROKU_API_KEY={g}", "MISTRAL_API_KEY={b32}", "COHERE_API_KEY={b40}", "PAGERDUTY_TOKEN={b20}", "CLOUDFLARE_API_TOKEN={u40}",
    "CF_API_KEY={x37}", "VERCEL_TOKEN={b24}", "NETLIFY_AUTH_TOKEN={u43}", "TWILIO_AUTH_TOKEN={x32}", "ALGOLIA_ADMIN_KEY={x32}",
    "OKTA_API_TOKEN=00{u40}", "DOCKER_PASSWORD={p16}", "//registry.npmjs.org/:_authToken={g}", "//npm.shop.test/:_auth={s40}",
    "BITBUCKET_APP_PASSWORD={b20}", "TF_TOKEN_app_terraform_io={b40}", "SNYK_TOKEN={g}", "CODECOV_TOKEN={g}", "WANDB_API_KEY={x40}",
    "password={p12}", "PASSWORD: \"{p14}\"", "db.password = '{p10}'", "\"passwd\": \"{p16}\"", "let password: &str = \"{p12}\";",
    "passphrase = \"{p20}\"", "PGPASSWORD={p12} psql -h db", "mysql_pwd: {p12}", "DB_PASS={p12}", "<password>{p12}</password>",
    "token = \"{b32}\"", "api_key: '{b32}'", "\"apiKey\":\"{b40}\"", "X-Api-Key: {b32}", "secret_key_base: {x128}",
    "JWT_SECRET={b48}", "SESSION_SECRET=\"{u32}\"", "signing_secret: {x32}", "SECRET_KEY = '{u50}'", "ENCRYPTION_KEY={x64}",
    "const API_TOKEN = `{b32}`", "headers['X-Auth-Token'] = \"{b32}\"", "deploy --token {b32} --now", "vault login --password {p14}",
    "?api_key={b32}&page=2", "?access_token={b40}", "?key={b39}&alt=json", "X-Amz-Signature={x64}",
    "Authorization: Bearer {b40}", "authorization: token {x40}", "Authorization: Basic {s24}", "\"Authorization\": \"Bearer {b40}\"",
    "Proxy-Authorization: Basic {s20}", "Authorization: ApiKey {u44}", "Cookie: theme=dark; session={b32}; lang=en",
    "Set-Cookie: JSESSIONID={A32}; Path=/; HttpOnly", "connect.sid cookie: sid=s%3A{b32}.{b43}",
    "postgres://app:{p14}@db.shop.test:5432/shop", "postgresql://app:{b16}@10.0.0.4/shop", "mysql://root:{p12}@127.0.0.1/shop",
    "mongodb+srv://app:{b18}@cluster0.shop.test/?retryWrites=true", "redis://:{b24}@cache.shop.test:6379/0",
    "amqps://worker:{b20}@queue.shop.test/vhost", "https://ada:{b16}@git.shop.test/shop.git", "https://x-access-token:{b40}@git.shop.test/a.git",
    "https://{x32}@o123.ingest.sentry.test/456", "Server=tcp:db.shop.test;Database=shop;User ID=app;Password={p14};Encrypt=True",
    "curl -u ada:{p12} https://shop.test/api", "curl --user 'ada:{p12}' https://shop.test/api", "sshpass -p {p12} ssh ada@shop.test",
    "machine shop.test login ada password {p12}", "ada:$apr1${b8}${b22}", "ada:$2y$10${b53}", "root:$6${b16}${b86}:19000:0:99999:7:::",
    "ada:{SHA}{s27}=", "$argon2id$v=19$m=65536,t=3,p=4${s22}${s43}",
    "client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo{s400}", "    token: {b60}",
    "-----BEGIN RSA PRIVATE KEY-----\n{s64}\n{s64}\n{s30}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n{s70}\n{s70}\n{s40}\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----\n{s64}\n{s64}\n{s36}\n-----END EC PRIVATE KEY-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{s64}\n{s64}\n-----END ENCRYPTED PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{s64}\n{s64}\n={s4}\n-----END PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN PRIVATE KEY-----\n{s64}\n{s64}\n{s64}", "Private-Lines: 2\n{s64}\n{s64}",
];

/// Where a secret stands; `@` is it. Those behind the first five only hold what stands alone.
const PLACES: &[&str] = &[
    "@",
    "  it printed @",
    "2026-04-02T10:11:12.345Z INFO deploy: @",
    "\u{1b}[32m@\u{1b}[0m",
    "$ echo done; @",
    "\"@\"",
    "{\"value\":\"@\",\"n\":1}",
    "curl -H 'X-Header: @' https://shop.test/v1/orders",
    "https://shop.test/callback?state=1&t=@&page=2",
    "export THING=@",
    "run --with=@ --verbose",
    "- `@` is the one",
    "(@)",
    "left over: @, then nothing",
    "name\t@\t2026",
    "<code>@</code>",
];

/// Text, and what of it must not be left.
fn secrets() -> Vec<(String, String, Vec<String>)> {
    let dice = &mut Dice(7);
    let mut secrets = Vec::new();
    let forms = ALONE.iter().map(|form| (form, PLACES)).chain(NAMED.iter().map(|form| (form, &PLACES[..5])));
    for (form, places) in forms {
        for place in places {
            for written in 0..3 {
                let (secret, holes) = filled(form, dice);
                let mut text = place.replace('@', &secret);
                for _ in 0..written {
                    text =
                        serde_json::to_string(&format!("first line\n{text}\nlast line")).expect("a string");
                }
                secrets.push(((*form).to_owned(), text, holes));
            }
        }
    }
    secrets
}

#[test]
fn secrets_of_every_kind_are_masked_wherever_they_stand() {
    let secrets = secrets();
    let left: Vec<&(String, String, Vec<String>)> = secrets
        .iter()
        .filter(|(_, text, holes)| {
            let masked = masked(text);
            // A JSON string writes nothing else than was drawn: no hole holds a quote or a backslash.
            holes.iter().any(|hole| hole.len() >= 5 && masked.contains(hole.as_str()))
        })
        .collect();
    let recall = 100.0 - left.len() as f64 * 100.0 / secrets.len() as f64;
    let shown: Vec<String> =
        left.iter().take(40).map(|(form, text, _)| format!("{form}\n    {text}")).collect();
    assert!(secrets.len() > 5000, "{}", secrets.len());
    assert!(recall >= 99.5, "{recall:.2} % of {} masked; left:\n{}", secrets.len(), shown.join("\n"));
}

#[test]
fn more_than_a_hundred_kinds_have_names_of_their_own() {
    assert!(kinds().len() >= 100, "{}", kinds().len());
    let strange: Vec<&str> = kinds()
        .into_iter()
        .filter(|kind| !kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(kinds().iter().all(|kind| super::MASK.len() + kind.len() < super::LONGEST_MASK));
}

#[test]
fn the_kind_says_whose_secret_it_is() {
    for (form, kind) in [
        ("ghp_{b36}", "github-token"),
        ("AKIA{A16}", "aws-access-key"),
        ("sk-ant-api03-{u93}AA", "anthropic-key"),
        ("sk-proj-{u120}", "openai-key"),
        ("HEROKU_API_KEY={g}", "heroku-key"),
        ("postgres://app:{p14}@db.shop.test/shop", "postgres-password"),
        ("password={p12}", "password"),
        ("Authorization: Bearer {b40}", "authorization"),
        ("-----BEGIN RSA PRIVATE KEY-----\n{s64}\n-----END RSA PRIVATE KEY-----", "private-key"),
        ("card 4111 1111 1111 1111", "card-number"),
        ("card 378282246310005", "card-number"),
    ] {
        let (text, _) = filled(form, &mut Dice(3));
        let kinds: Vec<&str> = find(&text).iter().map(|found| found.kind).collect();
        assert_eq!(kinds, [kind], "{text}");
    }
}

#[test]
fn what_is_around_a_secret_stays_readable() {
    for (text, expected) in [
        (
            "curl -u ada:q7Tz!pL0x https://shop.test",
            "curl -u ada:[redacted:command-password] https://shop.test",
        ),
        (
            "psql postgres://app:q7Tz0pL0x@db/shop -c 'x'",
            "psql postgres://app:[redacted:postgres-password]@db/shop -c 'x'",
        ),
        ("DB_PASS=q7Tz0pL0x cargo test", "DB_PASS=[redacted:password] cargo test"),
        (r#"{"a":"{\"password\":\"q7Tz\\\"0pL0x\"}"}"#, r#"{"a":"{\"password\":\"[redacted:password]\"}"}"#),
        ("cargo test", "cargo test"),
    ] {
        assert_eq!(masked(text), expected);
    }
}

/// Lines without secrets, as they stand in programs, logs, lock files and pages; `{…}` is filled by chance.
#[rustfmt::skip]
const ORDINARY: &[&str] = &[
    "let password = read_password()?;", "password: string;", "if (password !== confirmPassword) {", "def login(user, password=None):",
    "    token = lexer.next_token()", "const token = req.headers.authorization?.split(' ')[1];", "token: Option<Token>,",
    "max_tokens: 4096,", "\"max_output_tokens\": 8192", "input_tokens={d5} output_tokens={d3} cache_read={d6}", "pub struct TokenStream {",
    "api_key = os.environ[\"SHOP_API_KEY\"]", "apiKey: process.env.SHOP_API_KEY,", "API_KEY=${API_KEY:-}", "export TOKEN=$(cat /run/token)",
    "password=$PASSWORD", "--password <PASSWORD>", "password: {{ vault_password }}", "secret: ${{ secrets.DEPLOY_TOKEN }}",
    "PASSWORD=changeme", "api_key: your-api-key-here", "\"token\": \"<token>\"", "\"password\": \"********\"", "password: xxxxxxxx",
    "secretName: shop-tls", "passwordField.setPlaceholder(\"Enter your password\")", "Forgot your password? Reset it here.",
    "error: invalid token at line {d3}, column {d2}", "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON", "tokenizer.json",
    "Authorization: Bearer <token>", "Authorization: Bearer ${TOKEN}", "the Authorization header is missing", "Cookie: theme=dark; lang=en",
    "bearer authentication is required", "Basic usage is shown below", "basic auth is not enabled", "secrets/production.yaml",
    "commit {x40}", "{x7} Fix the parser (#{d4})", "Merge: {x7} {x7}", "index {x7}..{x7} 100644", "HEAD is now at {x7} Add tests",
    "\"integrity\": \"sha512-{s86}==\"", "  integrity sha512-{s86}==", "checksum = \"{x64}\"", "    \"js-tokens\": \"^3.0.0 || ^4.0.0\"",
    "js-tokens@^4.0.0:", "  resolved \"https://registry.yarnpkg.com/js-tokens/-/js-tokens-4.0.0.tgz#{x40}\"", "golang.org/x/sys v0.{d2}.0 h1:{s43}=",
    "node_modules/.pnpm/@babel+core@7.{d2}.0/node_modules/debug", "sha256:{x64}: Pulling from library/node", "Digest: sha256:{x64}",
    "{g}", "request_id={g} status=200 took={d3}ms", "trace_id={x32} span_id={x16}", "etag: W/\"{x32}\"", "session_id: {g}", "\"id\": \"{g}\",",
    "toolu_{b24}", "call_{b24}", "msg_{b24}", "req_{b24}", "chatcmpl-{b29}", "resp_{x48}", "cus_{b14}", "pi_{b24}", "org-{b24}",
    "data:image/png;base64,{s200}", "src=\"data:image/gif;base64,{s120}\"", "//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbI{b100}",
    "{s76}", "{s76}", "-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\n{s64}", "const HEAD: &str = \"-----BEGIN PRIVATE KEY-----\";", "ssh-ed25519 {s68} ada@shop",
    "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/home/ada/shop/src/auth/token_store.rs:{d3}:{d2}", "src/secrets/password.rs", "C:\\Users\\ada\\token.txt",
    "https://shop.test/orders/{d6}?page=2&sort=price", "https://github.com/shop/shop/pull/{d4}/files#diff-{x64}", "git@github.com:shop/shop.git",
    "https://cdn.shop.test/assets/index-{b8}.js", "GET /v1/orders/{g} HTTP/1.1\" 200 {d4}", "ssh://git@git.shop.test:22/shop.git", "http://localhost:3000/@vite/client",
    "2026-04-02T10:11:12.{d6}Z DEBUG pool: took {d3} of {d4}", "[{d10}.{d6}] usb 1-1: new device number {d2}", "ts={d13} n={d19}", "1.{d16}", "0x{x16}: {x8} {x8} {x8} {x8}",
    "!function(e,t){\"object\"==typeof exports?module.exports=t():e.{b2}=t()}(this,function(){var a={d3},b=\"{b4}\";return a.pass(b)})",
    ".btn-{b6}{color:#{x6};background:#{x6}}", "cache_key = \"{x32}\"", "sort_key: created_at", "foreign_key: user_id", "primary_key=True", "key: value", "\"key\": \"{b8}\"",
    "public_key: {s44}", "expect(token).toBe(undefined)", "assert_eq!(token.kind, TokenKind::Ident);", "#define TOKEN_EOF 256", "case Token.RIGHT_PAREN: return 1;",
    "nextPageToken: \"{b40}\"", "csrf = generate_token(session)", "class PasswordResetForm(forms.Form):", "password_hash = bcrypt.hash(password)", "PASSWORD_FILE=/run/secrets/db",
    "Pass: {d3}  Fail: 0", "pass: true", "test result: ok. {d3} passed; 0 failed", "PASS src/cart.test.ts ({d1}.{d3} s)", "bypass = True", "compass_heading={d3}",
    "sig = signal(SIGTERM)", "signature: (a: number) => string", "the signature of `f` changed", "error[E0{d3}]: mismatched types", "kubectl get secret shop-tls -o yaml",
    "git push -u origin main", "docker run -u 1000:1000 shop", "sed -E 's/(a)(b)/$2$1/'", "awk '{print $1$2}'", "phone: 555-{d4}", "order {d16}", "{d4}-{d4}", "item {d12} x {d2}",
    "tar: {b6}/{b8}: file changed", "model: gpt-4o-2024-08-06", "claude-sonnet-4-5-20250929", "rustc 1.92.0 ({x9} 2025-12-08)", "libfoo.so.1 => /lib/{b6}.so (0x00007f{x10})",
    "password", "token", "secret:", "api key", "--token", "token=", "password: \"\"", "passwd:x:0:0:root:/root:/bin/bash", "SECRET_KEY_BASE is not set",
];

#[test]
fn ordinary_lines_are_left_alone() {
    let dice = &mut Dice(11);
    let lines: Vec<String> = (0..10_000).map(|at| filled(ORDINARY[at % ORDINARY.len()], dice).0).collect();
    let wrong: Vec<(&String, String)> = lines
        .iter()
        .map(|line| (line, masked(line).into_owned()))
        .filter(|(line, masked)| *line != masked)
        .collect();
    let shown: Vec<&str> = wrong.iter().take(40).map(|(_, masked)| masked.as_str()).collect();
    assert!(wrong.len() <= 10, "{} of {}:\n{}", wrong.len(), lines.len(), shown.join("\n"));
}

#[test]
fn masking_what_is_masked_changes_nothing() {
    for (form, text, _) in secrets() {
        let once = masked(&text).into_owned();
        assert_eq!(masked(&once), once, "{form}");
    }
}

#[test]
fn hostile_texts_take_no_longer_than_others() {
    // Anchors side by side: each is looked at within its bound. Would one walk to the end, this test would run for hours.
    for piece in [
        "sk-",
        "eyJ.",
        "-eyJ",
        "password='",
        "password=\"",
        "-----BEGIN RSA PRIVATE KEY-----",
        "://a:",
        "Authorization: ",
        "key-",
        "Cookie: a=",
        "1//0",
        "4",
        "4 ",
        "M.",
        "$6$",
        "token ",
        "\\\"password\\\":",
        "[redacted:",
    ] {
        let text = piece.repeat(300_000 / piece.len());
        let once = masked(&text);
        assert!(!once.is_empty());
    }
}

proptest! {
    #[test]
    fn any_text_masks_to_text_that_masks_to_itself(text in "(?s).{0,200}") {
        let once = masked(&text).into_owned();
        prop_assert_eq!(masked(&once).into_owned(), once);
    }

    #[test]
    fn any_mixture_of_secrets_masks_to_itself(seed in any::<u64>(), count in 1_usize..6) {
        let dice = &mut Dice(seed);
        let mut text = String::new();
        for _ in 0..count {
            let forms = if dice.roll(2) == 0 { ALONE } else { NAMED };
            let (secret, _) = filled(forms[dice.roll(forms.len())], dice);
            let cut = if dice.roll(3) == 0 { dice.roll(secret.len()) } else { 0 };
            text.push_str(&secret[cut..]);
            text.push_str(["", " ", "\n", "\"", "=", "\\n", "password=", "/", "@", ":"][dice.roll(10)]);
        }
        let once = masked(&text).into_owned();
        prop_assert_eq!(masked(&once).into_owned(), once);
    }

    #[test]
    fn what_is_found_lies_in_order_and_apart(text in "[a-zA-Z0-9=:/@ \"'._$-]{0,120}", seed in any::<u64>()) {
        let dice = &mut Dice(seed);
        let (secret, _) = filled(ALONE[dice.roll(ALONE.len())], dice);
        let text = format!("{text}{secret}{text}");
        let found = find(&text);
        prop_assert!(found.windows(2).all(|two| two[0].range.end <= two[1].range.start));
        prop_assert!(found.iter().all(|one| text.get(one.range.clone()).is_some_and(|secret| !secret.is_empty())));
    }
}
