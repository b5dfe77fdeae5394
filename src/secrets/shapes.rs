//! Tokens that their own shape gives away: how each issuer's begins, what letters follow, and how many.
//!
//! *Invariant:* a row of the table is looked at within its own bound.

use super::{Found, begins, chance};
use std::ops::Range;

/// A token's shape.
pub(super) struct Shape {
    /// What it is.
    pub kind: &'static str,
    /// What it begins with, letter for letter.
    pub anchor: &'static str,
    /// What follows.
    letters: Letters,
    /// How many letters follow, at least and at most.
    least: usize,
    most: usize,
    /// What else must be true.
    proof: Proof,
}

/// Which letters a token is made of.
#[derive(Clone, Copy)]
enum Letters {
    /// `0-9 a-f`, either case.
    Hex,
    /// `0-9 A-Z`.
    Capital,
    /// `0-9 a-z`.
    Small,
    /// `0-9 A-Z a-z`.
    Plain,
    /// The same with `-` and `_`.
    Url,
    /// The same with `.`.
    Dotted,
    /// The same with `+`, `/`, `=`, `~`, `%`, `:`.
    Any,
    /// `0-9 a-f` and `-`.
    Hyphened,
    /// Plain, a dot, hex.
    Airtable,
    /// Hex, `/` and `:`.
    Asana,
    /// Plain and `$`.
    Dollar,
    /// Two parts, set apart by a dot.
    Dynatrace,
    /// One `_` at most, and digits and capitals.
    Resend,
    /// What stands in the path of an address: `-`, `@` and `/`.
    Webhook,
}

/// What else must be true of what follows the anchor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// No more than that it does not repeat itself.
    Shape,
    /// It looks drawn by chance: the anchor is a word, or too short to say much.
    Chance,
    /// It holds this many parts, set apart by dots.
    Dots(usize),
}

use Letters::{
    Airtable, Any, Asana, Capital, Dollar, Dotted, Dynatrace, Hex, Hyphened, Plain, Resend, Small, Url,
    Webhook,
};
use Proof::{Chance, Dots};

const fn row(kind: &'static str, anchor: &'static str, letters: Letters, least: usize, most: usize) -> Shape {
    Shape { kind, anchor, letters, least, most, proof: Proof::Shape }
}

const fn proven(
    kind: &'static str,
    anchor: &'static str,
    letters: Letters,
    least: usize,
    most: usize,
    proof: Proof,
) -> Shape {
    Shape { kind, anchor, letters, least, most, proof }
}

/// Every shape that is known. Sources: the issuers' own pages on their tokens' formats, and tokens as their tools print them.
#[rustfmt::skip]
pub(super) static SHAPES: &[Shape] = &[
    // Clouds.
    row("aws-access-key", "AKIA", Capital, 16, 16),
    row("aws-access-key", "ASIA", Capital, 16, 16),
    row("aws-access-key", "ABIA", Capital, 16, 16),
    row("aws-access-key", "ACCA", Capital, 16, 16),
    row("aws-session-token", "IQoJb3JpZ2lu", Any, 80, 2048),
    row("aws-session-token", "FwoGZXIvYXdz", Any, 80, 2048),
    row("aws-session-token", "FQoGZXIvYXdz", Any, 80, 2048),
    row("aws-session-token", "FQoDYXdz", Any, 80, 2048),
    row("aws-bedrock-key", "ABSK", Any, 80, 256),
    row("aws-bedrock-key", "bedrock-api-key-", Any, 40, 2048),
    row("aws-mws-token", "amzn.mws.", Url, 36, 36),
    row("google-api-key", "AIza", Url, 35, 39),
    proven("google-api-key", "AQ.Ab", Url, 30, 120, Chance),
    row("google-oauth-token", "ya29.", Dotted, 20, 1024),
    row("google-oauth-token", "1//0", Url, 40, 200),
    row("google-oauth-secret", "GOCSPX-", Url, 20, 40),
    row("alibaba-access-key", "LTAI", Plain, 16, 24),
    row("tencent-secret-id", "AKID", Plain, 32, 36),
    row("digitalocean-token", "dop_v1_", Hex, 64, 64),
    row("digitalocean-token", "doo_v1_", Hex, 64, 64),
    row("digitalocean-token", "dor_v1_", Hex, 64, 64),
    row("heroku-key", "HRKU-", Url, 36, 90),
    row("vercel-token", "vcp_", Plain, 24, 80),
    row("vercel-token", "vck_", Plain, 24, 80),
    row("vercel-token", "vci_", Plain, 24, 80),
    row("vercel-token", "vca_", Plain, 24, 80),
    row("vercel-token", "vcr_", Plain, 24, 80),
    row("vercel-token", "vercel_blob_rw_", Url, 24, 100),
    row("netlify-token", "nfp_", Plain, 32, 60),
    row("supabase-token", "sbp_", Hex, 40, 40),
    row("supabase-token", "sbp_oauth_", Hex, 40, 40),
    row("supabase-token", "sb_secret_", Url, 20, 60),
    row("cloudflare-token", "v1.0-", Url, 100, 200),
    row("cloudflare-token", "cfut_", Plain, 36, 80),
    row("cloudflare-token", "cfat_", Plain, 36, 80),
    row("cloudflare-token", "cfk_", Plain, 36, 80),
    row("fly-token", "fm1_", Any, 60, 2048),
    row("fly-token", "fm2_", Any, 60, 2048),
    row("fly-token", "fo1_", Url, 40, 80),
    row("render-token", "rnd_", Plain, 24, 60),
    row("scaleway-key", "SCW", Capital, 17, 17),
    row("planetscale-token", "pscale_tkn_", Dotted, 32, 64),
    row("planetscale-token", "pscale_pw_", Dotted, 32, 64),
    row("planetscale-token", "pscale_oauth_", Dotted, 32, 64),
    row("neon-key", "napi_", Plain, 40, 90),
    row("tailscale-key", "tskey-", Url, 20, 100),
    // Code hosts and pipelines.
    row("github-token", "ghp_", Plain, 36, 255),
    row("github-token", "gho_", Plain, 36, 255),
    row("github-token", "ghu_", Plain, 36, 255),
    row("github-token", "ghs_", Dotted, 36, 1024),
    row("github-token", "ghr_", Plain, 36, 255),
    row("github-token", "github_pat_", Url, 50, 255),
    row("gitlab-token", "glpat-", Dotted, 20, 300),
    row("gitlab-token", "glptt-", Url, 20, 64),
    row("gitlab-token", "gldt-", Url, 20, 64),
    row("gitlab-token", "glrt-", Dotted, 20, 100),
    row("gitlab-token", "glrtr-", Dotted, 20, 100),
    row("gitlab-token", "glcbt-", Dotted, 20, 100),
    row("gitlab-token", "glft-", Url, 20, 64),
    row("gitlab-token", "glimt-", Url, 20, 64),
    row("gitlab-token", "glagent-", Url, 30, 80),
    row("gitlab-token", "gloas-", Url, 30, 80),
    row("gitlab-token", "glsoat-", Url, 20, 64),
    row("gitlab-token", "glffct-", Url, 20, 64),
    row("gitlab-token", "GR1348941", Url, 20, 24),
    row("bitbucket-token", "ATBB", Any, 28, 60),
    row("bitbucket-token", "ATCTT3xFfG", Any, 50, 400),
    row("atlassian-token", "ATATT3xFfG", Any, 50, 400),
    row("atlassian-token", "ATATT", Any, 100, 400),
    row("circleci-token", "CCIPAT_", Url, 40, 120),
    row("circleci-token", "CCIPRJ_", Url, 40, 120),
    row("buildkite-token", "bkua_", Plain, 30, 64),
    row("buildkite-token", "bkct_", Plain, 30, 64),
    row("sonar-token", "sqp_", Hex, 40, 40),
    row("sonar-token", "squ_", Hex, 40, 40),
    row("sonar-token", "sqa_", Hex, 40, 40),
    row("jfrog-token", "AKCp", Plain, 60, 80),
    row("jfrog-token", "cmVmdGtu", Plain, 56, 64),
    row("launchdarkly-key", "sdk-", Hyphened, 36, 36),
    row("launchdarkly-key", "api-", Hyphened, 36, 36),
    row("vault-token", "hvs.", Url, 20, 200),
    row("vault-token", "hvb.", Url, 20, 400),
    row("vault-token", "hvr.", Url, 20, 400),
    proven("vault-token", "s.", Plain, 24, 24, Chance),
    row("pulumi-token", "pul-", Hex, 40, 40),
    row("doppler-token", "dp.pt.", Plain, 40, 64),
    row("doppler-token", "dp.st.", Dotted, 40, 80),
    row("doppler-token", "dp.ct.", Plain, 40, 64),
    row("doppler-token", "dp.sa.", Plain, 40, 64),
    row("onepassword-token", "ops_eyJ", Any, 100, 2048),
    row("age-key", "AGE-SECRET-KEY-1", Capital, 50, 64),
    row("age-key", "AGE-SECRET-KEY-PQ-1", Capital, 50, 200),
    // Package registries.
    row("npm-token", "npm_", Plain, 36, 64),
    row("pypi-token", "pypi-", Url, 50, 1024),
    proven("crates-io-token", "cio", Plain, 32, 32, Chance),
    row("rubygems-key", "rubygems_", Hex, 48, 48),
    proven("nuget-key", "oy2", Small, 43, 43, Chance),
    row("clojars-token", "CLOJARS_", Plain, 60, 60),
    row("docker-hub-token", "dckr_pat_", Url, 20, 64),
    row("docker-hub-token", "dckr_oat_", Url, 20, 64),
    // Models.
    row("anthropic-key", "sk-ant-", Url, 20, 200),
    row("openai-key", "sk-proj-", Url, 20, 250),
    row("openai-key", "sk-svcacct-", Url, 20, 250),
    row("openai-key", "sk-admin-", Url, 20, 250),
    row("openai-key", "sk-None-", Url, 20, 250),
    row("openrouter-key", "sk-or-", Url, 32, 120),
    proven("openai-key", "sk-", Url, 20, 200, Chance),
    proven("openai-key", "sess-", Plain, 40, 40, Chance),
    row("huggingface-token", "hf_", Plain, 30, 40),
    row("huggingface-token", "api_org_", Plain, 30, 40),
    row("groq-key", "gsk_", Plain, 40, 64),
    row("xai-key", "xai-", Plain, 60, 100),
    row("perplexity-key", "pplx-", Plain, 40, 64),
    row("replicate-token", "r8_", Plain, 36, 40),
    row("together-key", "tgp_v1_", Url, 40, 64),
    proven("fireworks-key", "fw_", Plain, 20, 40, Chance),
    row("nvidia-key", "nvapi-", Url, 50, 80),
    row("cerebras-key", "csk-", Plain, 40, 60),
    row("langsmith-key", "lsv2_", Url, 36, 80),
    row("tavily-key", "tvly-", Url, 24, 60),
    row("pinecone-key", "pcsk_", Url, 40, 90),
    row("elevenlabs-key", "sk_", Hex, 48, 48),
    row("jina-key", "jina_", Url, 50, 70),
    row("voyage-key", "pa-", Url, 40, 50),
    // Work and words.
    row("slack-token", "xoxb-", Url, 20, 200),
    row("slack-token", "xoxp-", Url, 20, 200),
    row("slack-token", "xoxa-", Url, 20, 200),
    row("slack-token", "xoxr-", Url, 20, 200),
    row("slack-token", "xoxs-", Url, 20, 200),
    row("slack-token", "xoxo-", Url, 20, 200),
    row("slack-token", "xoxc-", Url, 20, 200),
    row("slack-token", "xoxd-", Any, 20, 300),
    row("slack-token", "xoxe-", Url, 20, 200),
    row("slack-token", "xoxe.xox", Url, 20, 250),
    row("slack-token", "xapp-", Url, 20, 200),
    row("slack-webhook", "hooks.slack.com/services/", Any, 20, 100),
    row("slack-webhook", "hooks.slack.com/workflows/", Any, 20, 100),
    row("slack-webhook", "hooks.slack.com/triggers/", Any, 20, 100),
    row("discord-webhook", "discord.com/api/webhooks/", Any, 60, 130),
    row("discord-webhook", "discordapp.com/api/webhooks/", Any, 60, 130),
    row("teams-webhook", "webhook.office.com/webhookb2/", Webhook, 60, 250),
    row("atlassian-token", "ATSTT3xFfG", Any, 50, 400),
    row("linear-key", "lin_api_", Plain, 32, 64),
    row("linear-key", "lin_oauth_", Plain, 32, 80),
    row("notion-token", "ntn_", Plain, 40, 60),
    proven("notion-token", "secret_", Plain, 43, 43, Chance),
    row("figma-token", "figd_", Url, 36, 60),
    row("figma-token", "figo_", Url, 36, 60),
    row("airtable-token", "pat", Airtable, 79, 79),
    row("asana-token", "2/1", Asana, 46, 80),
    row("typeform-token", "tfp_", Dotted, 40, 80),
    row("contentful-token", "CFPAT-", Url, 40, 60),
    row("readme-key", "rdme_", Small, 60, 80),
    row("postman-key", "PMAK-", Url, 50, 64),
    proven("dropbox-token", "sl.", Url, 120, 1400, Chance),
    row("mapbox-token", "sk.eyJ", Dotted, 40, 200),
    row("okta-token", "SSWS ", Url, 40, 44),
    row("twitter-token", "AAAAAAAAAAAAAAAAAAAAA", Any, 60, 140),
    row("facebook-token", "EAACEdEose0cBA", Plain, 20, 300),
    proven("facebook-token", "EAA", Plain, 100, 300, Chance),
    // Mail, messages, phones.
    proven("sendgrid-key", "SG.", Dotted, 60, 72, Dots(2)),
    row("mailgun-key", "key-", Hex, 32, 32),
    row("mailgun-key", "pubkey-", Hex, 32, 32),
    row("sendinblue-key", "xkeysib-", Url, 70, 90),
    row("sendinblue-key", "xsmtpsib-", Url, 70, 90),
    row("twilio-key", "SK", Hex, 32, 32),
    row("resend-key", "re_", Resend, 26, 40),
    // Money and shops.
    row("stripe-key", "sk_live_", Plain, 16, 250),
    row("stripe-key", "sk_test_", Plain, 16, 250),
    row("stripe-key", "rk_live_", Plain, 16, 250),
    row("stripe-key", "rk_test_", Plain, 16, 250),
    row("stripe-key", "sk_org_", Url, 16, 250),
    row("stripe-webhook-secret", "whsec_", Any, 24, 80),
    row("square-token", "sq0atp-", Url, 22, 60),
    row("square-token", "sq0csp-", Url, 43, 60),
    row("square-token", "sq0idp-", Url, 22, 60),
    row("square-token", "EAAA", Url, 60, 64),
    row("shopify-token", "shpat_", Hex, 32, 32),
    row("shopify-token", "shpss_", Hex, 32, 32),
    row("shopify-token", "shpca_", Hex, 32, 32),
    row("shopify-token", "shppa_", Hex, 32, 32),
    row("shopify-token", "shptka_", Hex, 32, 32),
    row("braintree-token", "access_token$production$", Dollar, 40, 60),
    row("braintree-token", "access_token$sandbox$", Dollar, 40, 60),
    row("easypost-key", "EZAK", Plain, 54, 54),
    row("easypost-key", "EZTK", Plain, 54, 54),
    row("shippo-token", "shippo_live_", Hex, 40, 40),
    row("shippo-token", "shippo_test_", Hex, 40, 40),
    row("duffel-token", "duffel_live_", Url, 40, 50),
    row("duffel-token", "duffel_test_", Url, 40, 50),
    row("flutterwave-key", "FLWSECK-", Url, 30, 60),
    row("flutterwave-key", "FLWSECK_TEST-", Url, 12, 60),
    row("plaid-token", "access-sandbox-", Hyphened, 36, 36),
    row("plaid-token", "access-production-", Hyphened, 36, 36),
    row("razorpay-key", "rzp_live_", Plain, 14, 24),
    row("razorpay-key", "rzp_test_", Plain, 14, 24),
    row("lob-key", "live_", Hex, 35, 35),
    row("lob-key", "test_", Hex, 35, 35),
    // Watching.
    row("newrelic-key", "NRAK-", Capital, 27, 27),
    row("newrelic-key", "NRJS-", Small, 19, 19),
    row("newrelic-key", "NRII-", Url, 32, 32),
    row("newrelic-key", "NRIQ-", Url, 32, 32),
    row("newrelic-key", "NRRA-", Hex, 42, 42),
    row("sentry-token", "sntrys_", Any, 60, 400),
    row("sentry-token", "sntryu_", Hex, 64, 64),
    row("sentry-token", "sntrya_", Hex, 64, 64),
    row("grafana-token", "glc_", Any, 32, 400),
    row("grafana-token", "glsa_", Url, 40, 60),
    row("grafana-token", "eyJrIjoi", Any, 60, 400),
    row("posthog-key", "phx_", Url, 40, 60),
    row("dynatrace-token", "dt0c01.", Dynatrace, 89, 89),
    row("databricks-token", "dapi", Hyphened, 32, 36),
    row("databricks-token", "dose", Hex, 32, 32),
    row("infracost-key", "ico-", Plain, 32, 32),
    row("prefect-key", "pnu_", Plain, 36, 36),
    row("confluent-key", "cflt", Any, 56, 64),
];

impl Shape {
    /// The token that begins at `anchor`, if one does.
    pub(super) fn at(&self, text: &[u8], anchor: Range<usize>) -> Option<Found> {
        let exact = text.get(anchor.clone()) == Some(self.anchor.as_bytes());
        if !exact || !begins(text, anchor.start) {
            return None;
        }
        let rest = text.get(anchor.end..)?;
        let bound = rest.get(..rest.len().min(self.most + 1))?;
        let mut length = bound.iter().take_while(|byte| self.letters.hold(**byte)).count();
        if length > self.most {
            return None;
        }
        // A full stop, a colon or a dash at the end belongs to the sentence.
        while length > self.least
            && bound.get(length - 1).is_some_and(|last| matches!(last, b'.' | b':' | b'-' | b'/'))
        {
            length -= 1;
        }
        // More letters than the token has: something else.
        let goes_on = bound.get(length).is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_');
        let token = bound.get(..length)?;
        let is_one = length >= self.least && !goes_on && self.proof.holds(token, self.letters);
        is_one.then(|| Found { kind: self.kind, range: anchor.start..anchor.end + length })
    }
}

impl Letters {
    fn hold(self, byte: u8) -> bool {
        let plain = byte.is_ascii_alphanumeric();
        match self {
            Hex => byte.is_ascii_hexdigit(),
            Hyphened => byte.is_ascii_hexdigit() || byte == b'-',
            Capital => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            Small => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
            Plain => plain,
            Url | Resend => plain || matches!(byte, b'-' | b'_'),
            Dotted | Airtable | Dynatrace => plain || matches!(byte, b'-' | b'_' | b'.'),
            Any => plain || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~' | b'%' | b':'),
            Asana => byte.is_ascii_hexdigit() || matches!(byte, b'/' | b':'),
            Dollar => plain || byte == b'$',
            Webhook => plain || matches!(byte, b'-' | b'@' | b'/'),
        }
    }
}

impl Proof {
    fn holds(self, token: &[u8], letters: Letters) -> bool {
        let looks = chance::looks(token);
        if looks.distinct < 5 {
            return false;
        }
        let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
        let shaped = match letters {
            Airtable => parts.iter().map(|part| part.len()).eq([14, 64]),
            Dynatrace => parts.iter().map(|part| part.len()).eq([24, 64]),
            Resend => {
                looks.digits > 0 && looks.upper > 0 && token.iter().filter(|byte| **byte == b'_').count() <= 1
            }
            Hyphened => looks.digits > 0,
            _ => true,
        };
        shaped
            && match self {
                Proof::Shape => true,
                Chance => looks.random() && looks.digits > 0 && (looks.length < 90 || looks.distinct >= 25),
                Dots(count) => parts.len() == count,
            }
    }
}
