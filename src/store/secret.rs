//! 32 random bytes that make keys unguessable, and the keys made with them.

use super::folder::{self, at};
use super::{Scope, StoreError};
use crate::units::Key;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

/// What keys of this installation are hashed with.
#[derive(Clone)]
pub(super) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Secret(…)")
    }
}

impl Secret {
    /// Reads the secret in `dir`, or makes it. The caller holds the folder's lock.
    ///
    /// One that has not 32 bytes was damaged and is replaced: originals are found by
    /// their names, so nothing is lost by it.
    pub fn of(dir: &Path) -> Result<Secret, StoreError> {
        let path = dir.join("secret");
        match folder::read(&path) {
            Ok(file) => {
                let mut bytes = Vec::new();
                file.take(33).read_to_end(&mut bytes).map_err(at(&path))?;
                if let Ok(bytes) = bytes.try_into() {
                    return Ok(Secret(bytes));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&path)(error)),
        }
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| at(&path)(io::Error::other(error.to_string())))?;
        let fresh = dir.join("secret.new");
        let mut file = folder::private().truncate(true).open(&fresh).map_err(at(&fresh))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(at(&fresh))?;
        fs::rename(&fresh, &path).and_then(|()| folder::sync(dir)).map_err(at(&path))?;
        Ok(Secret(bytes))
    }

    /// Puts a secret that everybody knows into `dir`: for a store in which nothing is kept.
    pub fn known(dir: &Path) -> Result<(), StoreError> {
        let path = dir.join("secret");
        let mut file = folder::private().truncate(true).open(&path).map_err(at(&path))?;
        file.write_all(&[0; 32]).map_err(at(&path))
    }

    /// The name of `text` for `scope`.
    pub fn key(&self, text: &str, scope: &Scope) -> Key {
        let mut hash = blake3::Hasher::new_keyed(&self.0);
        hash.update(&(scope.project.len() as u64).to_le_bytes());
        hash.update(scope.project.as_bytes());
        hash.update(text.as_bytes());
        let digits = hash.finalize().to_hex();
        Key::parse(&digits[..Key::DIGITS]).expect("a hash in hex digits is shaped like a key")
    }
}
