//! AWS signatures (SigV4), made anew.
//!
//! A client signs the host that it talks to, the path and the digest of the body. It talks to us, so
//! that its signature holds for nobody else: what goes on to AWS is signed again, with the secret of the
//! very key that the client signed with, found where the user has it. *Invariant:* a request that
//! names a key of which the secret is not found here is signed by nobody, and nothing in it changes.

use super::House;
use super::credentials::Credentials;
use super::headers;
use super::upstream::Upstream;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::SystemTime;

/// Whether a request is signed, and by whom the changed one can be.
pub(super) enum Seal {
    /// It is not.
    None,
    /// By the client, with a key that is not known here.
    Theirs,
    /// It can be signed here.
    Ours(Box<Signer>),
}

impl Seal {
    /// Looks for what is needed to sign a request with these headers that goes to `upstream`.
    ///
    /// One that is not signed at all is signed only where it goes to AWS itself, and only when nobody
    /// but the user can have sent it: when it came with the secret.
    pub(super) async fn of(headers: &HeaderMap, upstream: &Upstream, house: &Arc<House>) -> Seal {
        let scope = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(Scope::of);
        let place = Place::of(upstream.host());
        let (house, hashed) = (house.clone(), headers.contains_key(BODY_DIGEST));
        let token = headers.get(TOKEN).and_then(|token| token.to_str().ok()).map(str::to_owned);
        let looked = match (scope, place) {
            (Some(None), _) | (None, None) => return Seal::None,
            (Some(Some(scope)), place) => tokio::task::spawn_blocking(move || {
                let credentials = house.aws.of_key(&scope.key)?;
                let region = place.map_or(scope.region, |place| place.region);
                // The client has the token that goes with its key.
                let credentials = Credentials { token, ..credentials };
                Some(Signer { credentials, region, service: scope.service, hashed })
            }),
            (None, Some(place)) if house.secret.is_some() => {
                let looked = tokio::task::spawn_blocking(move || house.aws.of_the_user()).await;
                let Ok(Some(credentials)) = looked else { return Seal::None };
                let service = "bedrock".to_owned();
                return Seal::Ours(Box::new(Signer { credentials, region: place.region, service, hashed }));
            }
            (None, Some(_)) => return Seal::None,
        };
        match looked.await {
            Ok(Some(signer)) => Seal::Ours(Box::new(signer)),
            _ => Seal::Theirs,
        }
    }
}

/// What a signature is made with.
#[derive(Debug)]
pub(super) struct Signer {
    credentials: Credentials,
    region: String,
    service: String,
    /// The digest of the body stands in a header as well.
    hashed: bool,
}

/// What a signature covers beside the headers.
pub(super) struct Sent<'a> {
    pub(super) method: &'a Method,
    /// The whole URL.
    pub(super) address: &'a str,
    /// As the request will name it.
    pub(super) host: &'a str,
    pub(super) body: &'a [u8],
}

const TOKEN: &str = "x-amz-security-token";
const DATE: &str = "x-amz-date";
const BODY_DIGEST: &str = "x-amz-content-sha256";

impl Signer {
    /// The headers with a signature over what is sent; `None` when none can be made of it.
    pub(super) fn signed(&self, sent: &Sent<'_>, headers: &HeaderMap, now: SystemTime) -> Option<HeaderMap> {
        let mut kept = headers.clone();
        for old in [AUTHORIZATION.as_str(), TOKEN, DATE, "date", BODY_DIGEST] {
            kept = headers::without(kept, &HeaderName::from_static(old));
        }
        // AWS wants these signed; what else there is may change on the way.
        let covered = kept.iter().filter_map(|(name, value)| {
            let covered = *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
            covered.then(|| value.to_str().ok().map(|value| (name.as_str(), value))).flatten()
        });
        let covered = covered.chain([(HOST.as_str(), sent.host)]);
        let request = {
            let body = SignableBody::Bytes(sent.body);
            SignableRequest::new(sent.method.as_str(), sent.address, covered, body).ok()?
        };
        let identity = aws_credential_types::Credentials::new(
            self.credentials.key.clone(),
            self.credentials.secret.clone(),
            self.credentials.token.clone(),
            None,
            "headroom",
        )
        .into();
        let mut settings = SigningSettings::default();
        if self.hashed {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let how = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(settings)
            .build()
            .ok()?
            .into();
        let (instructions, _signature) = sign(request, &how).ok()?.into_parts();
        for (name, value) in instructions.headers() {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(name == TOKEN || name == AUTHORIZATION.as_str());
            kept.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
        }
        Some(kept)
    }
}

/// What a signature says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Scope {
    key: String,
    region: String,
    service: String,
}

impl Scope {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`; `None` for any other
    /// credential.
    fn of(authorization: &str) -> Option<Scope> {
        let said = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
        let scope = said.split([' ', ',']).find_map(|part| part.strip_prefix("Credential="))?;
        // From the end: a key's name has no slash, and yet only the end has a known form.
        let mut parts = scope.rsplit('/');
        let (Some("aws4_request"), Some(service), Some(region), Some(_date), Some(key), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        Some(Scope { key: key.to_owned(), region: region.to_owned(), service: service.to_owned() })
    }
}

/// One of AWS's own hosts for Bedrock.
struct Place {
    region: String,
}

impl Place {
    fn of(host: &str) -> Option<Place> {
        let name = host.strip_suffix(":443").unwrap_or(host);
        let name = name.strip_suffix(".cn").unwrap_or(name).strip_suffix(".amazonaws.com")?;
        let region =
            name.strip_prefix("bedrock-runtime.").or_else(|| name.strip_prefix("bedrock-runtime-fips."))?;
        let plain = region.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        (plain && !region.is_empty()).then(|| Place { region: region.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The key of AWS's own examples and test suite (its documentation of Signature Version 4).
    fn signer(service: &str) -> Signer {
        Signer {
            credentials: Credentials {
                key: "AKIDEXAMPLE".into(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                token: None,
            },
            region: "us-east-1".into(),
            service: service.into(),
            hashed: false,
        }
    }

    /// 2015-08-30T12:36:00Z, the date of AWS's examples.
    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[track_caller]
    fn check(
        signer: &Signer,
        (method, address): (&str, &str),
        headers: &[(&'static str, &'static str)],
        body: &str,
        signed: &str,
        signature: &str,
    ) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let host = address.split('/').nth(2).unwrap();
        let got = signer
            .signed(&Sent { method: &method, address, host, body: body.as_bytes() }, &map(headers), then())
            .unwrap();
        let want = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{}/aws4_request, SignedHeaders={signed}, \
             Signature={signature}",
            signer.service
        );
        assert_eq!(got[AUTHORIZATION].to_str().unwrap(), want, "{method} {address}");
        assert_eq!(got[DATE], "20150830T123600Z");
    }

    #[test]
    fn signatures_are_those_of_awss_published_examples() {
        // "Examples of the complete Signature Version 4 signing process", and the suite's get-vanilla,
        // post-vanilla, post-x-www-form-urlencoded and get-vanilla-query.
        check(
            &signer("iam"),
            ("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"),
            &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
            "",
            "content-type;host;x-amz-date",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
        check(
            &signer("service"),
            ("GET", "https://example.amazonaws.com/"),
            &[],
            "",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        );
        check(
            &signer("service"),
            ("POST", "https://example.amazonaws.com/"),
            &[("accept", "*/*"), ("authorization", "AWS4-HMAC-SHA256 the client's"), ("x-amz-date", "older")],
            "",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        );
        check(
            &signer("service"),
            ("POST", "https://example.amazonaws.com/"),
            &[("content-type", "application/x-www-form-urlencoded")],
            "Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
    }

    #[test]
    fn a_clients_signature_says_which_key_it_was_made_with() {
        let whole = "AWS4-HMAC-SHA256 Credential=AKIA1/20260102/eu-west-1/bedrock/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature=ab";
        let scope = Scope { key: "AKIA1".into(), region: "eu-west-1".into(), service: "bedrock".into() };
        assert_eq!(Scope::of(whole), Some(scope));
        for odd in [
            "",
            "Bearer x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=AKIA1, Signature=x",
            "AWS4-HMAC-SHA256 Credential=AKIA1/20260102/eu-west-1/bedrock/other",
            "AWS4-HMAC-SHA256 Credential=a/b/20260102/eu-west-1/bedrock/aws4_request",
        ] {
            assert_eq!(Scope::of(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_awss_own_host_is_a_place_of_bedrock() {
        for (host, want) in [
            ("bedrock-runtime.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("bedrock-runtime-fips.us-east-1.amazonaws.com:443", Some("us-east-1")),
            ("bedrock-runtime.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("bedrock-runtime.amazonaws.com", None),
            ("bedrock-runtime..amazonaws.com", None),
            ("bedrock-runtime.evil.example", None),
            ("bedrock-runtime.x.evil.amazonaws.com", None),
            ("evilbedrock-runtime.eu-west-1.amazonaws.com", None),
            ("127.0.0.1:80", None),
        ] {
            assert_eq!(Place::of(host).map(|place| place.region).as_deref(), want, "{host}");
        }
    }

    #[test]
    fn a_passing_key_and_a_digest_are_sent_along_and_nothing_else_is_moved() {
        let mut signer = signer("bedrock");
        signer.credentials.token = Some("passing".into());
        signer.hashed = true;
        let came = map(&[
            ("host", "127.0.0.1:1"),
            ("accept", "a"),
            ("x-amz-security-token", "older"),
            ("x-amz-content-sha256", "older"),
            ("x-amzn-bedrock-accept", "b"),
            ("accept", "c"),
        ]);
        let address = "https://bedrock-runtime.us-east-1.amazonaws.com/model/a%3A0/invoke";
        let host = "bedrock-runtime.us-east-1.amazonaws.com";
        let got = signer
            .signed(&Sent { method: &Method::POST, address, host, body: b"{}" }, &came, then())
            .unwrap();
        assert_eq!(got[TOKEN], "passing");
        assert_eq!(got[BODY_DIGEST], "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        let names: Vec<&str> = got.keys().map(HeaderName::as_str).take(3).collect();
        assert_eq!(names, ["host", "accept", "x-amzn-bedrock-accept"]);
        assert_eq!(got.get_all("accept").iter().count(), 2);
        let said = got[AUTHORIZATION].to_str().unwrap();
        assert!(
            said.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"),
            "{said}"
        );
    }
}
