//! Arbitrary bytes as the body of handlers of each kind: only successes and errors of the client, and each pointer resolves.

#![no_main]

use actix_web::rt::System;
use libfuzzer_sys::fuzz_target;
use palisade_tests::builder;
use palisade_tests::hostile::Targets;

thread_local! {
    static SYSTEM: (actix_web::rt::SystemRunner, Targets) = {
        let system = System::new();
        let targets = system.block_on(Targets::new(builder()));
        (system, targets)
    };
}

fuzz_target!(|body: &[u8]| {
    SYSTEM.with(|(system, targets)| system.block_on(targets.assert_bounded(body)));
});
