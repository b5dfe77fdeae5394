//! What bytes are, by how they begin.

use super::segment::Class;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Bytes of a text that are decoded to look at their beginning.
const LOOKED_AT: usize = 160;

/// How files of a kind begin, and what they are called.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xca\xfe\xba\xbe", "a Java class"),
    (b"\x00asm", "WebAssembly"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"OggS", "Ogg audio"),
    (b"ID3", "MP3 audio"),
    (b"wOF2", "a WOFF2 font"),
    (b"wOFF", "a WOFF font"),
    (b"\x00\x01\x00\x00\x00", "a TrueType font"),
    (b"OTTO", "an OpenType font"),
    (b"<svg", "an SVG image"),
    (b"<?xml", "XML"),
    (b"ssh-", "an SSH key"),
    (b"\x00\x00\x00\x07ssh-", "an SSH public key"),
    (b"openssh-key-v1\x00", "an OpenSSH private key"),
    (b"\x30\x82", "a DER certificate or key"),
    (b"\x00\x00\x01\x00", "an icon"),
];

/// What `text` (a run of noise) holds: its coding, its size, and what it is when decoded.
pub fn describe(text: &str, class: Class) -> String {
    let body: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digest = &blake3::hash(&body).to_hex()[..8];
    match class {
        Class::Base64 => {
            let size = body.len() / 4 * 3 - body.iter().rev().take(2).filter(|byte| **byte == b'=').count();
            let what = what_is(&decoded(&body)).map(|what| format!(" of {what}")).unwrap_or_default();
            format!("base64{what}, {} bytes, digest {digest}", crate::text::grouped(size as i64))
        }
        Class::Hex => {
            let start: Vec<u8> = body
                .chunks_exact(2)
                .take(LOOKED_AT)
                .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            let what = what_is(&start).map(|what| format!(" of {what}")).unwrap_or_default();
            format!("hex digits{what}, digest {digest}")
        }
        _ => {
            let count = text
                .split(|each: char| !(each.is_ascii_digit() || each == '.'))
                .filter(|part| !part.is_empty())
                .count();
            format!("{} numbers, digest {digest}", crate::text::grouped(count as i64))
        }
    }
}

/// The first bytes that a base64 text stands for; it may be of either alphabet, padded or cut off.
fn decoded(text: &[u8]) -> Vec<u8> {
    let start: Vec<u8> = text
        .iter()
        .take(LOOKED_AT)
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .take_while(|byte| *byte != b'=')
        .collect();
    let whole = start.len() / 4 * 4;
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(&start[..whole]).unwrap_or_default()
}

/// What begins so; with its width and height where they stand at the start.
pub fn what_is(bytes: &[u8]) -> Option<String> {
    let (_, name) = BEGINNINGS.iter().find(|(start, _)| bytes.starts_with(start))?;
    let at = |place: usize| bytes.get(place).copied().map(u32::from);
    let size = match *name {
        "a PNG image" => bytes.get(16..24).map(|size| {
            let number = |from: usize| {
                size[from..from + 4].iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            };
            (number(0), number(4))
        }),
        "a GIF image" => (|| Some((at(6)? | at(7)? << 8, at(8)? | at(9)? << 8)))(),
        _ => None,
    };
    Some(match size {
        Some((width, height)) => format!("{name}, {width}x{height}"),
        None => (*name).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_known_by_its_first_bytes() {
        let cases = [
            (
                "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA10dzkAAAA",
                Class::Base64,
                "base64 of a PNG image, 640x480",
            ),
            ("UEsDBBQAAAAIABiLEVcDZEPwTwMAAEIMAAARAAAA", Class::Base64, "base64 of a zip archive"),
            ("7f454c460201010000000000000000000200", Class::Hex, "hex digits of an ELF program"),
            ("AAAA", Class::Base64, "base64, 3 bytes"),
            ("1 2 3", Class::Numbers, "3 numbers"),
        ];
        for (text, class, want) in cases {
            let told = describe(text, class);
            assert!(told.starts_with(want), "{told}");
        }
    }
}
