//! Bodies that are small on the wire and large in memory (CWE-409).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Each coding with its name, a small body, and the number of bytes that the body inflates to.
pub fn all() -> Vec<(&'static str, Vec<u8>, usize)> {
    let (deflated, inflated) = deflate();
    vec![
        ("br", brotli(), 280_000_000),
        ("deflate", zlib(&deflated), inflated),
        ("gzip", gzip(&deflated), inflated),
        ("zstd", zstd(), ZSTD_BLOCKS * ZSTD_BLOCK),
    ]
}

/// 280 million zeros in 430 bytes, as a Brotli encoder writes them.
fn brotli() -> Vec<u8> {
    const TEXT: &str = "\
    y///PwAkAOKxQHLv//j//weABEAcFoDu/R////8AkACIwwLQvf/j//8fABIAcVgAuvd//P//A0ACIA4LQPf+j///fwBIAMRhAeje//H//w8ACY\
    A4LADd+z/+//8BIAEQhwWge//H//8/ACQA4rAAdO//+P//B4AEQBwWgO79H////wCQAIjDAtC9/+P//x8AEgBxWAC693/8//8DQAIgDgtA9/6P\
    //9/AEgAxGEB6N7/8f//DwAJgDgsAN37P/7//wEgARCHBaB7/8f//z8AJADisAB07//4//8HgARAHBaA7v0f////AJAAiMMC0L3/4///HwASAH\
    FYALr3f/z//wNAAiAOC0D3/o///38ASADEYQHo3v/x//8PAAmAOCwA3fs//v//ASABEIcFoHv/x///PwAkAOKwAHTv//j//weABEAcFoDu/R//\
    //8AkACIwwLQvf/j//8fABIAcVgAuvd//P//A0ACIA4LQPf+j///fwBIAMRhAeje//H//w8ACYA4LADd+z/+//8BIAEQhwWge//H//8/ACQA4r\
    AAdO//8r8OBoAEQBwWgG4bDA==\
    ";
    STANDARD.decode(TEXT.replace(char::is_whitespace, "")).unwrap()
}

/// RFC 1951 §3.2.6: one literal, then copies of 258 bytes at distance 1, in 13 bits each.
fn deflate() -> (Vec<u8>, usize) {
    const COPIES: usize = 260_000;
    let mut bits = Bits::default();
    bits.low_first(0b011, 3); // the last block, with fixed codes
    bits.high_first(0b0011_0000, 8); // the literal 0
    for _ in 0..COPIES {
        bits.high_first(0b1100_0101, 8); // the length 258
        bits.high_first(0, 5); // the distance 1
    }
    bits.high_first(0, 7); // the end of the block
    (bits.bytes, 1 + COPIES * 258)
}

fn zlib(deflated: &[u8]) -> Vec<u8> {
    [&[0x78, 0x01][..], deflated, &[0; 4]].concat()
}

fn gzip(deflated: &[u8]) -> Vec<u8> {
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], deflated, &[0; 8]].concat()
}

const ZSTD_BLOCK: usize = 128 * 1024;
const ZSTD_BLOCKS: usize = 4_000;

/// RFC 8878 §3.1.1: one frame with a window of 2 MiB, whose blocks each repeat one byte.
fn zstd() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for block in 1..=ZSTD_BLOCKS {
        let header = u32::from(block == ZSTD_BLOCKS) | 1 << 1 | u32::try_from(ZSTD_BLOCK).unwrap() << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, bit: u32) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= u8::try_from(bit << (self.used % 8)).unwrap();
        self.used += 1;
    }

    fn low_first(&mut self, value: u32, count: u32) {
        (0..count).for_each(|at| self.push(value >> at & 1));
    }

    fn high_first(&mut self, code: u32, count: u32) {
        (0..count).rev().for_each(|at| self.push(code >> at & 1));
    }
}
