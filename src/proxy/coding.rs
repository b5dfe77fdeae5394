//! Request bodies that come compressed: undone to be read, done again when they were changed.
//!
//! *Invariant:* nothing is undone beyond [`LONGEST_WHOLE`] bytes, nor beyond
//! [`MOST_EXPANSION`] times what came: such a body travels on as it came.

use super::body::LONGEST_WHOLE;
use crate::refusal::Refusal;
use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use std::io::{self, Read, Write};

/// How much longer than its compressed form a body may be. Requests of long sessions shrink to a
/// twentieth or a thirtieth; a bomb goes beyond a thousandth.
const MOST_EXPANSION: usize = 200;

/// What may be undone before the expansion is looked at, in bytes.
const FREE_EXPANSION: usize = 1 << 20;

/// The largest window that a zstd body may ask for, as a power of two: a body that was compressed in
/// one go asks for its whole length.
const ZSTD_WINDOW: u32 = LONGEST_WHOLE.ilog2();

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// Means zlib, but some send it bare.
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The coding of a body with these headers; `None` when it is plain.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] when it is unknown here, or there are several.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
        let mut named = headers.get_all(CONTENT_ENCODING).iter();
        let Some(coding) = named.next() else { return Ok(None) };
        let coding = coding.to_str().map_err(|_| Refusal::Unreadable)?.trim().to_ascii_lowercase();
        match (coding.as_str(), named.next()) {
            ("" | "identity", None) => Ok(None),
            ("gzip" | "x-gzip", None) => Ok(Some(Coding::Gzip)),
            ("deflate", None) => Ok(Some(Coding::Deflate)),
            ("br", None) => Ok(Some(Coding::Brotli)),
            ("zstd", None) => Ok(Some(Coding::Zstd)),
            _ => Err(Refusal::Unreadable),
        }
    }

    /// Undoes it.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] when it is broken, [`Refusal::TooLarge`] when there is too much in it.
    pub(super) fn undo(self, coded: &[u8]) -> Result<Bytes, Refusal> {
        match self {
            Coding::Gzip => bounded(flate2::read::MultiGzDecoder::new(coded), coded.len()),
            Coding::Deflate if coded.first().is_some_and(|first| first & 0x0f == 8) => {
                bounded(flate2::read::ZlibDecoder::new(coded), coded.len())
            }
            Coding::Deflate => bounded(flate2::read::DeflateDecoder::new(coded), coded.len()),
            Coding::Brotli => bounded(brotli_decompressor::Decompressor::new(coded, 4096), coded.len()),
            Coding::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(coded)
                    .and_then(|mut decoder| decoder.window_log_max(ZSTD_WINDOW).map(|()| decoder));
                bounded(decoder.map_err(|_| Refusal::Unreadable)?, coded.len())
            }
        }
    }

    /// Does it: what takes a body in this coding takes it again. `None` where that can't be done here;
    /// then the body is sent plain, which everybody takes.
    pub(super) fn redo(self, plain: &[u8]) -> Option<Bytes> {
        let fast = flate2::Compression::fast();
        let coded: io::Result<Vec<u8>> = match self {
            Coding::Gzip => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), fast);
                to.write_all(plain).and_then(|()| to.finish())
            }
            Coding::Deflate => {
                let mut to = flate2::write::ZlibEncoder::new(Vec::new(), fast);
                to.write_all(plain).and_then(|()| to.finish())
            }
            Coding::Brotli => return None,
            Coding::Zstd => zstd::bulk::compress(plain, ZSTD_LEVEL),
        };
        coded.ok().map(Bytes::from)
    }
}

/// The level that codex compresses its requests with.
const ZSTD_LEVEL: i32 = 3;

fn bounded(mut decoder: impl Read, coded: usize) -> Result<Bytes, Refusal> {
    let most = LONGEST_WHOLE.min(coded.saturating_mul(MOST_EXPANSION).max(FREE_EXPANSION));
    let mut plain = Vec::new();
    let mut some = [0; 16 << 10];
    loop {
        match decoder.read(&mut some) {
            Ok(0) => return Ok(plain.into()),
            Ok(read) if most < plain.len() + read => return Err(Refusal::TooLarge),
            Ok(read) => plain.extend_from_slice(&some[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Refusal::Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REDONE: [Coding; 3] = [Coding::Gzip, Coding::Deflate, Coding::Zstd];

    #[test]
    fn a_coding_is_known_by_its_one_name() {
        for (named, want) in [
            (&[][..], Ok(None)),
            (&["identity"], Ok(None)),
            (&["GZIP"], Ok(Some(Coding::Gzip))),
            (&[" zstd "], Ok(Some(Coding::Zstd))),
            (&["deflate"], Ok(Some(Coding::Deflate))),
            (&["br"], Ok(Some(Coding::Brotli))),
            (&["gzip, zstd"], Err(Refusal::Unreadable)),
            (&["gzip", "zstd"], Err(Refusal::Unreadable)),
            (&["tomorrow"], Err(Refusal::Unreadable)),
        ] {
            let mut headers = HeaderMap::new();
            for name in named {
                headers.append(CONTENT_ENCODING, name.parse().unwrap());
            }
            assert_eq!(Coding::of(&headers), want, "{named:?}");
        }
    }

    #[test]
    fn deflate_is_read_with_and_without_its_wrapping() {
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(b"{\"a\":1}").unwrap();
        assert_eq!(Coding::Deflate.undo(&bare.finish().unwrap()).unwrap(), &b"{\"a\":1}"[..]);
    }

    #[test]
    fn several_members_are_one_body() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let both = [coding.redo(b"one ").unwrap(), coding.redo(b"two").unwrap()].concat();
            assert_eq!(coding.undo(&both).unwrap(), &b"one two"[..]);
        }
    }

    #[test]
    fn a_bomb_is_not_undone() {
        for coding in REDONE {
            let bomb = coding.redo(&vec![b' '; 8 << 20]).unwrap();
            assert!(bomb.len() < 200 << 10, "{coding:?}: {}", bomb.len());
            assert_eq!(coding.undo(&bomb), Err(Refusal::TooLarge), "{coding:?}");
        }
        // Brotli's smallest: a window of 16 MB of one letter, from a few bytes.
        assert!(Coding::Brotli.undo(&[0xff; 64]).is_err());
    }

    #[test]
    fn what_is_no_bomb_is_undone_however_long() {
        let line = |at: u32| format!("{{\"at\":{at},\"text\":\"{:x}\"}}\n", at.wrapping_mul(2_654_435_761));
        let long: String = (0..30_000).map(line).collect();
        for coding in REDONE {
            let coded = coding.redo(long.as_bytes()).unwrap();
            assert!(coding.undo(&coded).unwrap() == long.as_bytes(), "{coding:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_done_is_undone(plain in prop::collection::vec(any::<u8>(), 0..5000)) {
            for coding in REDONE {
                prop_assert_eq!(&coding.undo(&coding.redo(&plain).unwrap()).unwrap(), &plain);
            }
        }

        #[test]
        fn nothing_is_made_of_what_is_cut_short_or_broken(
            plain in prop::collection::vec(any::<u8>(), 1..500), cut in any::<prop::sample::Index>(),
        ) {
            for coding in [Coding::Gzip, Coding::Zstd] {
                let coded = coding.redo(&plain).unwrap();
                let cut = 1 + cut.index(coded.len() - 1);
                if cut < coded.len() {
                    prop_assert_eq!(coding.undo(&coded[..cut]), Err(Refusal::Unreadable));
                }
            }
        }

        #[test]
        fn any_bytes_are_undone_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
                let _ = coding.undo(&bytes);
            }
        }
    }
}
