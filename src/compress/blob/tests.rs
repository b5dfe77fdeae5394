use super::super::lines::verbatim_subsequence;
use super::*;
use crate::compress::content;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

fn key() -> Key {
    Key::parse("0123456789abcdef0123").expect("a key")
}

#[track_caller]
fn short(text: &str, query: &str) -> String {
    let key = key();
    assert_eq!(content::kind_of(text, &Hint::default()), Kind::Blob);
    let hint = Hint { query, ..Hint::default() };
    let short = compress(text, &hint, &Allowance::kept_under(&key)).expect("shorter");
    assert!(short.left_out && verbatim_subsequence(text, &short.text), "{}", short.text);
    assert!(short.text.len() * 4 < text.len(), "{}", short.text);
    short.text
}

/// Bytes that look like chance, the same on every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

fn wrapped(text: &str, width: usize) -> String {
    text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}

#[test]
fn base64_is_named_by_what_it_holds() {
    let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0".to_vec();
    image.extend(noise(30_000));
    let whole = STANDARD.encode(&image);
    for text in [whole.clone(), wrapped(&whole, 76)] {
        let short = short(&text, "what is it?");
        assert!(short.contains("base64 of a PNG image, 640x480, 30,024 bytes"), "{short}");
        assert!(short.starts_with("iVBORw0KGgo"), "{short}");
    }
}

#[test]
fn what_stands_around_a_blob_stays() {
    let data = STANDARD.encode(noise(3_000));
    let text: String = (0..8)
        .map(|n| format!(".icon-{n}{{background:url(\"data:image/png;base64,{data}\")}}\n"))
        .collect::<String>()
        + ".danger{color:#b00020}\n";
    let short = short(&text, "");
    for telling in [
        ".icon-0{background:url(\"data:image/png;base64,",
        ".icon-7{",
        "\n.danger{color:#b00020}\n",
        "\")}\n",
    ] {
        assert!(short.contains(telling), "{telling}: {short}");
    }
    assert!(short.contains("bytes left out within line 3: base64"), "{short}");
}

#[test]
fn a_dump_keeps_its_ends_and_its_words() {
    let mut bytes = noise(9_000);
    bytes[4_000..4_036].copy_from_slice(b"..built by release-bot at 12:00:07..");
    let text: String = bytes
        .chunks(16)
        .enumerate()
        .map(|(line, bytes)| {
            let pairs: Vec<String> =
                bytes.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
            let letters: String =
                bytes.iter().map(|byte| if (32..127).contains(byte) { *byte as char } else { '.' }).collect();
            format!("{:08x}: {:39}  {letters}\n", line * 16, pairs.join(" "))
        })
        .collect();
    let short = short(&text, "");
    assert!(short.contains("..built by relea") && short.contains("se-bot at 12:00:"), "{short}");
    assert!(short.contains("\n00000010: ") && short.contains("00002320: "), "{short}");
}

#[test]
fn minified_code_keeps_its_ends_and_what_is_asked() {
    let mut text = "/*! tea v3.1.4 | MIT */\n!function(e){".to_owned();
    for n in 0..3_000 {
        let name = if n == 1_700 { "brewOolong".to_owned() } else { format!("f{n}") };
        text += &format!("function {name}(a,b){{return a[{n}]+b.x{n}}}var v{n}=e[{n}];");
    }
    text += "e.exports=brewOolong}(this);";
    let short = short(&text, "where is brewOolong defined?");
    for telling in
        ["/*! tea v3.1.4 | MIT */", "e.exports=brewOolong}(this);", "function brewOolong(a,b){return a[1700]"]
    {
        assert!(short.contains(telling), "{telling}: {short}");
    }
}

#[test]
fn what_people_write_is_no_blob() {
    let prose =
        "The rain fell in torrents on the roofs of the town, and nobody came to look at it. ".repeat(40);
    let paths: String = (0..60)
        .map(|n| format!("src/compress/lines/some_long_name_of_a_module_{n}/with_a_file.rs\n"))
        .collect();
    let log = format!("2026-01-01T00:00:00Z INFO {}\n", "key=value another=12 ".repeat(40)).repeat(9);
    let numbers: String = (0..90).map(|n| format!("{n} {} {}\n", n * 3, n * 7)).collect();
    for text in [prose, paths, log, numbers] {
        assert!(!fits(&Sample::of(&text)), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_piece_is_of_the_text_letter_for_letter(
        parts in proptest::collection::vec(prop_oneof![
            (200..3_000_usize).prop_map(|count| STANDARD.encode(noise(count))),
            (200..3_000_usize).prop_map(|count| wrapped(&STANDARD.encode(noise(count)), 64)),
            "[a-z{}();=é\n]{0,900}",
            (1..200_usize).prop_map(|count| "var a=b;if(c){d()}é".repeat(count)),
            Just("\n".to_owned()),
            Just("\n\n00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............\n".to_owned()),
        ], 0..9)
    ) {
        let text = parts.concat();
        let key = key();
        match compress(&text, &Hint { query: "what is a or é?", ..Hint::default() }, &Allowance::kept_under(&key)) {
            Ok(short) => prop_assert!(verbatim_subsequence(&text, &short.text)),
            Err(because) => prop_assert_ne!(because, Refusal::NotVerified),
        }
    }
}
