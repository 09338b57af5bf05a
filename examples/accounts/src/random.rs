//! Random text from the operating system's random number generator (OWASP ASVS V11.5.1).

use std::fmt::Write as _;

use secrecy::SecretString;

/// Excludes letters and digits that are easily confused. It has 32 characters, so 5 bits select one.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Returns `N` random bytes in hexadecimal.
pub fn hex<const N: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Returns a password of 26 characters with 130 bits of entropy.
pub fn password() -> Result<SecretString, getrandom::Error> {
    let mut bytes = [0; 26];
    getrandom::fill(&mut bytes)?;
    let letters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    Ok(letters.collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn random_values_differ_and_have_their_length() {
        assert_eq!(hex::<32>().unwrap().len(), 64);
        assert_ne!(hex::<32>().unwrap(), hex::<32>().unwrap());
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_eq!(one.expose_secret().len(), 26);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
