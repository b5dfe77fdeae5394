//! A request that becomes another protocol (WebSocket): bytes both ways, unread.

use super::headers;
use super::relay::{Answer, relay};
use super::serve::Trip;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;

/// Asks the upstream for the other protocol, and joins the two ends when it agrees. When it
/// does not, its answer is relayed like any other.
pub(super) async fn open(trip: &Trip<'_>, mut request: Request<Incoming>) -> Response<Answer> {
    let client = hyper::upgrade::on(&mut request);
    let (head, _no_body) = request.into_parts();
    let asked = hop(&head.headers);
    let mut answer = match trip.upstream.upgrade(head, trip.target, asked).await {
        Ok(answer) => answer,
        Err(unreachable) => return trip.unanswered(&unreachable),
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return relay(answer, None, &trip.guest.flushes);
    }
    let upstream = hyper::upgrade::on(&mut answer);
    let open = trip.house.open.enter();
    tokio::spawn(async move {
        let _open = open;
        if let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) {
            // How a tunnel ends is between its two ends.
            let _ =
                tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
        }
    });
    let (mut head, _) = answer.into_parts();
    let agreed = hop(&head.headers);
    head.version = Version::HTTP_11;
    head.headers = headers::homeward(head.headers);
    head.headers.extend(agreed);
    Response::from_parts(head, Answer::short(""))
}

/// The two headers that ask for, or agree to, another protocol.
fn hop(headers: &hyper::HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut hop = vec![(CONNECTION, HeaderValue::from_static("Upgrade"))];
    hop.extend(headers.get_all(UPGRADE).iter().map(|to| (UPGRADE, to.clone())));
    hop
}
