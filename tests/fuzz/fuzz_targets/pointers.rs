//! Arbitrary bytes as the body of handlers of each kind: only successes and errors of the client, and each pointer resolves.

#![no_main]

use actix_web::rt::System;
use libfuzzer_sys::fuzz_target;
use palisade_tests::builder;
use palisade_tests::hostile::Targets;

thread_local! {
    static SYSTEM: (actix_web::rt::SystemRunner, [Targets; 2]) = {
        let system = System::new();
        let targets = system.block_on(async { [Targets::new(builder()).await, Targets::strict(builder()).await] });
        (system, targets)
    };
}

fuzz_target!(|body: &[u8]| {
    SYSTEM.with(|(system, targets)| {
        for targets in targets {
            system.block_on(targets.assert_bounded(body));
        }
    });
});
