//! Pins: how they are written, and those that are remembered in memory.

use super::{Pin, ShortenedPin};
use crate::units::{Chain, Key, Tokens};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, RwLock};

/// The first byte of a written pin: zstd over JSON.
const WRITTEN: u8 = 1;

/// The longest pin that is read: no request is longer.
const PIN_LIMIT: usize = 256 << 20;

/// A pin as it is written. Changes only so that older ones can still be read.
#[derive(Serialize, Deserialize)]
struct Written {
    texts: Vec<(u32, String)>,
    before: u64,
    after: u64,
    compressor: String,
    kind: String,
    /// The originals behind it: their age begins anew when the pin is replayed after a while.
    #[serde(default)]
    keys: Vec<String>,
}

/// The bytes of a pin in the database; `None` for one that changed nothing.
pub(super) fn write(pin: &Pin, keys: &[Key]) -> Option<Vec<u8>> {
    let Pin::Shortened(pin) = pin else { return None };
    let written = Written {
        texts: pin.texts.clone(),
        before: pin.tokens_before.0,
        after: pin.tokens_after.0,
        compressor: pin.compressor.clone(),
        kind: pin.kind.clone(),
        keys: keys.iter().map(|key| key.as_str().to_owned()).collect(),
    };
    let json = serde_json::to_vec(&written).expect("a pin has only texts and numbers");
    let mut bytes = vec![WRITTEN];
    bytes.extend(zstd::bulk::compress(&json, 1).expect("zstd writes to memory"));
    Some(bytes)
}

/// Reads a pin and the names of the originals behind it; `None` for bytes that are no pin.
pub(super) fn read(bytes: Option<&[u8]>) -> Option<(Pin, Vec<Key>)> {
    let Some(bytes) = bytes else { return Some((Pin::Verbatim, Vec::new())) };
    let packed = bytes.strip_prefix(&[WRITTEN])?;
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    let size = usize::try_from(size).ok().filter(|size| *size <= PIN_LIMIT)?;
    let json = zstd::bulk::decompress(packed, size).ok()?;
    let written: Written = serde_json::from_slice(&json).ok()?;
    let keys = written.keys.iter().filter_map(|key| Key::parse(key)).collect();
    let pin = ShortenedPin {
        texts: written.texts,
        tokens_before: Tokens(written.before),
        tokens_after: Tokens(written.after),
        compressor: written.compressor,
        kind: written.kind,
    };
    Some((Pin::Shortened(Arc::new(pin)), keys))
}

/// Pins in memory, in two generations: when the young one is full it becomes the old one, and
/// what is asked for again is young again. About 32 MB at most.
#[derive(Debug, Default)]
pub(super) struct Memory {
    generations: RwLock<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    verbatim: HashSet<Chain, BuildHasherDefault<FirstBytes>>,
    shortened: HashMap<Chain, Arc<ShortenedPin>, BuildHasherDefault<FirstBytes>>,
    bytes: usize,
}

/// Bytes that a generation may take.
const GENERATION: usize = 16 << 20;

/// Bytes that an entry takes beside its texts: 16 of the chain, the rest of the table.
const ENTRY: usize = 32;

impl Memory {
    /// What is remembered of `chains`, in the same order.
    pub fn look(&self, chains: &[Chain]) -> Vec<Option<Pin>> {
        let mut aged = Vec::new();
        let found = {
            let generations = self.generations.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            let look = |chain: &Chain| {
                generations.young.get(chain).or_else(|| {
                    let pin = generations.old.get(chain);
                    aged.extend(pin.clone().map(|pin| (*chain, pin)));
                    pin
                })
            };
            chains.iter().map(look).collect()
        };
        if !aged.is_empty() {
            self.keep(aged);
        }
        found
    }

    /// Remembers pins.
    pub fn keep(&self, pins: impl IntoIterator<Item = (Chain, Pin)>) {
        let mut generations = self.generations.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (chain, pin) in pins {
            if generations.young.bytes > GENERATION {
                generations.old = std::mem::take(&mut generations.young);
            }
            generations.young.insert(chain, pin);
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.generations.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Generations::default();
    }
}

impl Generation {
    fn get(&self, chain: &Chain) -> Option<Pin> {
        if self.verbatim.contains(chain) {
            return Some(Pin::Verbatim);
        }
        self.shortened.get(chain).map(|pin| Pin::Shortened(Arc::clone(pin)))
    }

    fn insert(&mut self, chain: Chain, pin: Pin) {
        self.bytes += match pin {
            Pin::Verbatim if self.verbatim.insert(chain) => ENTRY,
            Pin::Verbatim => 0,
            Pin::Shortened(pin) => {
                let bytes: usize = pin.texts.iter().map(|(_, text)| text.len() + 64).sum();
                if self.shortened.insert(chain, pin).is_none() { bytes + 2 * ENTRY } else { 0 }
            }
        };
    }
}

/// Takes a chain's own first bytes as its hash: it is a digest already.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        for (place, byte) in bytes.iter().take(8).enumerate() {
            self.0 ^= u64::from(*byte) << (8 * place);
        }
    }

    // The length of the array, which is the same for all.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
