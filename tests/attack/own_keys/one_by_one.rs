//! Processes that share their keys, and whose operators rotate them one after the other.

use super::*;

/// The processes rotate one after the other, as operators do. A verifier may have the set of either, and a token of either.
#[actix_web::test]
async fn processes_that_rotate_one_after_the_other_reject_no_token() {
    let clock = ManualClock::new();
    let (one, two) = (key("one"), key("two"));
    let process = || TokenIssuer::new(ISSUER, AUDIENCE, one.clone()).unwrap().clock(&clock).with_next(two.clone());
    let processes = [process().unwrap(), process().unwrap()];
    let stubborn = || StubbornVerifier { clock: clock.clone(), held: None };
    let mut verifiers = [stubborn(), stubborn()];
    let (mut live, mut now) = (Vec::new(), Duration::ZERO);
    for rotation in 0..20 {
        let next = key(&format!("key {rotation}"));
        // Now this one is the first, and now that one.
        for turn in 0..2 {
            let rotating = &processes[(rotation + turn) % 2];
            while let Err(error) = rotating.rotate(next.clone()) {
                assert!(matches!(error, RotationError::TooSoon(_)), "{error}");
                clock.advance(MINUTE);
                now += MINUTE;
            }
            for second in 0..2 {
                live.extend(processes.iter().map(|process| (token(process), now)));
                live.retain(|(_, issued)| now < *issued + LIFETIME);
                for (verifier, asked) in verifiers.iter_mut().zip(&processes) {
                    for (token, _) in &live {
                        assert_eq!(verifier.verify(asked, token), Ok(()), "rotation {rotation}, {turn}, {second}");
                    }
                }
                clock.advance(MINUTE / 2);
                now += MINUTE / 2;
            }
        }
    }
}
