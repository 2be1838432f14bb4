//! The cryptography of password verifiers.
//!
//! Sources: RFC 5802 and RFC 7677 for SCRAM-SHA-256; `scram_build_secret` of PostgreSQL 15 for passwords that SASLprep
//! refuses (they are used as they are).

use std::borrow::Cow;

use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::InternalError;
use crate::base::limits::PASSWORD_BYTES;
use crate::config::ScramVerifier;

/// PostgreSQL's default.
pub(super) const ITERATIONS: u32 = 4_096;
/// PostgreSQL's default.
pub(super) const SALT_BYTES: usize = 16;
/// A password that no verifier is made of.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Nobody could log in with it.
    #[error("the password is empty")]
    Empty,
    /// Longer than is sensible.
    #[error("the password has more than {PASSWORD_BYTES} bytes")]
    TooLong,
}

impl ScramVerifier {
    /// A verifier with a fresh salt.
    ///
    /// # Errors
    /// [`PasswordError`] for an empty password and one of more than 1024 bytes.
    pub fn generate(password: &str) -> Result<Self, PasswordError> {
        if password.is_empty() {
            return Err(PasswordError::Empty);
        }
        if password.len() > PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        let salt: [u8; SALT_BYTES] = rand::rng().random();
        let (stored_key, server_key) = keys(password, &salt, ITERATIONS);
        Ok(Self { iterations: ITERATIONS, salt: salt.to_vec(), stored_key, server_key })
    }

    /// Whether it was made of this password. Takes the same time for a right and a wrong one.
    #[must_use]
    pub fn check_password(&self, password: &str) -> bool {
        let (stored_key, server_key) = keys(truncated(password), &self.salt, self.iterations);
        let same = stored_key.ct_eq(&self.stored_key) & server_key.ct_eq(&self.server_key);
        bool::from(same) && password.len() <= PASSWORD_BYTES && !password.is_empty()
    }
}

/// The password after SASLprep, from which SCRAM's salted password is made; as it is where SASLprep refuses it.
fn prepared(password: &str) -> Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password))
}

fn truncated(password: &str) -> &str {
    if password.len() <= PASSWORD_BYTES { password } else { "" }
}

fn keys(password: &str, salt: &[u8], iterations: u32) -> ([u8; 32], [u8; 32]) {
    let mut salted = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(prepared(password).as_bytes(), salt, iterations, &mut salted);
    let stored_key = Sha256::digest(mac(&salted, b"Client Key")).into();
    (stored_key, mac(&salted, b"Server Key"))
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut hmac) => {
            hmac.update(message);
            hmac.finalize().into_bytes().into()
        }
        // HMAC takes keys of any length. Were it not so, random bytes prove nothing and let nobody in.
        Err(error) => {
            drop(InternalError::new(error));
            rand::rng().random()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by PostgreSQL 15.18 with `CREATE ROLE a PASSWORD 'pencil'` and `CREATE ROLE b PASSWORD 'IX ®-ª café'`.
    const REAL: [(&str, &str); 2] = [
        (
            "pencil",
            "SCRAM-SHA-256$4096:wC3o4ByD9Ni2khHzWUDOqw==$\
             m06bVydAm8Rz13T2plFBKUoxRi/CPLwX8doJzVfyTRY=:rWarQZKDjlnNjrfcBBMR6+/5hV9foBbBJKxG0pybHyo=",
        ),
        (
            "IX ®-ª café",
            "SCRAM-SHA-256$4096:DBvflw/eGR82EsQSudVlig==$\
             OZJlCQIP3+BKMXsSMs4BHqdcxFGNIlGprYkPae1Vzh8=:D0fDMbulJlbWbZa0lnNDmqMSLpv0NZnopjTtyDl/eUs=",
        ),
    ];

    #[test]
    fn verifiers_of_postgresql_know_their_passwords() {
        for (password, text) in REAL {
            let verifier: ScramVerifier = text.parse().unwrap();
            assert!(verifier.check_password(password));
            assert!(!verifier.check_password("Pencil"));
            assert!(!verifier.check_password(""));
        }
    }

    #[test]
    fn passwords_that_look_the_same_after_saslprep_are_the_same() {
        let verifier: ScramVerifier = REAL[1].1.parse().unwrap();
        assert!(verifier.check_password("IX\u{a0}\u{ae}-a cafe\u{301}"));
    }

    #[test]
    fn a_generated_verifier_reads_back_and_differs_each_time() {
        let first = ScramVerifier::generate("secret").unwrap();
        let again: ScramVerifier = first.to_string().parse().unwrap();
        assert_eq!(first, again);
        assert!(again.check_password("secret"));
        assert_ne!(first.salt, ScramVerifier::generate("secret").unwrap().salt);
        assert!(ScramVerifier::generate("").is_err());
        assert!(ScramVerifier::generate(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn a_password_that_saslprep_refuses_is_used_as_it_is() {
        let verifier = ScramVerifier::generate("bell\u{7}").unwrap();
        assert!(verifier.check_password("bell\u{7}"));
    }
}
