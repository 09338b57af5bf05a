//! CWE-20, CWE-248: a body that no client with good intentions sends. For 10,000 bodies, the response is a success or an error of the
//! client, and each pointer of an error leads to a place of the body.

use palisade_tests::builder;
use palisade_tests::hostile::{NAMES, TEXTS, Targets};

const BODIES: u64 = 10_000;

/// SplitMix64: the same seed makes the same body.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "7",
    "-1",
    "255",
    "256",
    "-128",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "1.5",
    "1e5",
    "1e308",
    "1e309",
    "-0",
    "-0.0",
    "1E-400",
    "01",
    "1.",
];

const ODD_TEXTS: [&str; 12] =
    ["ü", "\u{202e}x", "😀", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\\n", "\\x", "\u{feff}", "a\u{301}", "~1", "\\/"];

fn text(random: &mut Random) -> String {
    let text = match random.below(8) {
        0 => random.pick(&NAMES).to_owned(),
        1 => random.pick(&ODD_TEXTS).to_owned(),
        2 if random.one_in(20) => "x".repeat(random.below(70_000)),
        _ => random.pick(&TEXTS).to_owned(),
    };
    format!("\"{text}\"")
}

fn name(random: &mut Random) -> String {
    if random.one_in(10) { text(random) } else { format!("\"{}\"", random.pick(&NAMES)) }
}

fn space(random: &mut Random) -> &'static str {
    if random.one_in(10) { random.pick(&[" ", "\n", "\t", "\r\n", "\u{a0}", "/**/"][..]) } else { "" }
}

fn value(random: &mut Random, depth: usize) -> String {
    let is_leaf = depth == 0 || random.one_in(3);
    match random.below(if is_leaf { 5 } else { 9 }) {
        0 => random.pick(&NUMBERS).to_owned(),
        1 => random.pick(&["true", "false", "null", "nul", ""][..4]).to_owned(),
        2 | 3 => text(random),
        4 => random.pick(&NUMBERS[..6]).to_owned(),
        5 | 6 => {
            let items = (0..random.below(5)).map(|_| value(random, depth - 1)).collect::<Vec<_>>();
            format!("[{}{}]", items.join(","), space(random))
        }
        _ => object(random, depth, &[]),
    }
}

/// An object with these members and some others.
fn object(random: &mut Random, depth: usize, members: &[(&str, &str)]) -> String {
    let mut all: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    for _ in 0..random.below(5) {
        let member =
            format!("{}{}:{}{}", name(random), space(random), space(random), value(random, depth.saturating_sub(1)));
        let at = random.below(all.len() + 1);
        all.insert(at, member);
    }
    if random.one_in(15) && !all.is_empty() {
        all.push(all[random.below(all.len())].clone());
    }
    format!("{{{}}}", all.join(","))
}

/// A sound value of the handlers' types, as often as not with one mistake.
fn nearly_sound(random: &mut Random) -> String {
    let mut part = |sound: &str| if random.one_in(6) { value(random, 3) } else { sound.to_owned() };
    let members = [
        ("userName", part("\"ada\"")),
        ("items", part(r#"[{"qty":1},{"qty":255,"a/b":2.5,"~":true}]"#)),
        ("street", part("\"High St\"")),
        ("postCode", part("8000")),
        ("payment", part(r#"{"kind":"card","number":"4","month":12}"#)),
        ("choice", part(r#"{"deep":{"deep":["a"]}}"#)),
        ("counts", part(r#"{"a":1,"":2}"#)),
        ("pair", part(r#"[1,"x"]"#)),
        ("event", part(r#"{"t":"Paid","c":{"qty":1}}"#)),
    ];
    let kept: Vec<(&str, &str)> =
        members.iter().filter(|_| !random.one_in(8)).map(|(name, value)| (*name, value.as_str())).collect();
    if random.one_in(3) { object(random, 2, &kept) } else { object_of(&kept) }
}

fn object_of(members: &[(&str, &str)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn body(random: &mut Random) -> Vec<u8> {
    let mut body = match random.below(12) {
        0 => {
            let depth = random.below(300);
            let open = random.pick(&["[", "{\"deep\":", "{\"items\":[", "{\"choice\":{\"deep\":"][..]);
            format!("{}1{}", open.repeat(depth), random.pick(&["]", "}", ""][..]).repeat(depth))
        }
        1 if random.one_in(10) => {
            let item = value(random, 1);
            format!("[{}{item}]", format!("{item},").repeat(random.below(12_000)))
        }
        2 => {
            let members: Vec<String> = (0..random.below(600)).map(|index| format!("\"f{index}\":{index}")).collect();
            format!("{{\"counts\":{{{}}},\"userName\":\"x\"}}", members.join(","))
        }
        3 => {
            let sound = r#"{"userName":"x","items":[{"userName":"y","event":{"Paid":1}}],"event":{"Moved":[1,2]}}"#;
            let member = value(random, 2);
            sound.replacen(random.pick(&["1", "\"y\"", "[1,2]", "\"x\""][..]), &member, 1)
        }
        4 | 5 => value(random, 6),
        _ => nearly_sound(random),
    }
    .into_bytes();
    match random.below(16) {
        0 => body.truncate(random.below(body.len() + 1)),
        1 => body = [b"\xef\xbb\xbf", &body[..]].concat(),
        2 if !body.is_empty() => {
            let at = random.below(body.len());
            body[at] = random.next() as u8;
        }
        3 => {
            let at = random.below(body.len() + 1);
            body.splice(
                at..at,
                [b"\xff\xfe", &b"\xc0\x80"[..], b"\xed\xa0\x80", b"\0"][random.below(4)].iter().copied(),
            );
        }
        4 => body.extend_from_slice(random.pick(&[&b" "[..], b"x", b"{}", b"\0", b"]"])),
        5 => body = body.iter().flat_map(|byte| [*byte, 0]).collect(),
        _ => {}
    }
    body
}

/// Names the seed of a body if the test fails at it.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("HOSTILE_SEED={} makes this body the first", self.0);
        }
    }
}

async fn hold(targets: &Targets) -> (u64, u64) {
    let start = std::env::var("HOSTILE_SEED").map_or(14, |seed| seed.parse().unwrap());
    println!("HOSTILE_SEED={start}");
    let (mut accepted, mut rejected) = (0, 0);
    for seed in start..start + BODIES {
        let _seed = Seed(seed);
        match targets.assert_bounded(&body(&mut Random(seed))).await {
            0 => rejected += 1,
            _ => accepted += 1,
        }
    }
    (accepted, rejected)
}

#[actix_web::test]
async fn each_pointer_of_a_hostile_body_resolves() {
    let (accepted, rejected) = hold(&Targets::new(builder()).await).await;
    // Bodies of one kind only would show nothing.
    assert!(accepted > BODIES / 10 && rejected > BODIES / 10, "{accepted} accepted, {rejected} rejected");
}

#[actix_web::test]
async fn each_pointer_of_a_hostile_body_resolves_in_a_strict_application() {
    let (accepted, rejected) = hold(&Targets::strict(builder()).await).await;
    // Most bodies have an unknown field.
    assert!(accepted > BODIES / 100 && rejected > BODIES / 10, "{accepted} accepted, {rejected} rejected");
}
