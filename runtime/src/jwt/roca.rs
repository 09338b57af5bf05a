//! RSA keys that can be factored because of the form of their modulus.
//!
//! Threat: a key from a defective generator, whose private key can be computed from the public key (ROCA, CVE-2017-15361).
//! Promise: a modulus of that form is rejected. The probability that a sound modulus has that form is negligible.

/// A weak modulus is a power of 65537 modulo each of these primes.
const PRIMES: [u32; 23] =
    [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
const GENERATOR: u32 = 65_537;

/// `modulus` is big-endian.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power(remainder(modulus, prime), prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest: u32, byte| {
        rest.wrapping_mul(256).wrapping_add(u32::from(*byte)).checked_rem(prime).unwrap_or_default()
    })
}

fn is_power(value: u32, prime: u32) -> bool {
    let times = |power: u32| power.wrapping_mul(GENERATOR.checked_rem(prime).unwrap_or_default()).checked_rem(prime);
    let powers = std::iter::successors(Some(1), |power| times(*power));
    // The powers form a cycle that returns to 1 after at most `prime` steps.
    powers.take(prime as usize).any(|power| power == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_the_generator_are_recognized() {
        // 65537 is 10 modulo 11, so its powers are 1 and 10. Modulo 7 it is 3, which generates all residues except 0.
        assert!(is_power(1, 11) && is_power(10, 11) && !is_power(2, 11));
        assert!((1..7).all(|value| is_power(value, 7)) && !is_power(0, 7));
        assert_eq!(remainder(&[1, 0, 1], 97), 65_537 % 97);
        // A power of the generator has the weak form; its neighbour does not.
        assert!(is_weak(&[1, 0, 1]) && !is_weak(&[1, 0, 3]));
    }
}
