//! A file in a `multipart/form-data` body.
//!
//! Threat: a file of a dangerous type that a client sends as another (CWE-434), a name of a file that leads out of its folder
//! (CWE-22), and a file that fills the memory (CWE-770; ASVS V5.2, V5.3). Promise: the type is that of the content, a file of another
//! type is rejected by its first bytes, the size has a limit while it arrives, and the name has no path.

use std::fmt;
use std::marker::PhantomData;

use actix_multipart::form::{FieldReader, Limits};
use actix_multipart::{Field, MultipartError};
use actix_web::HttpRequest;
use actix_web::web::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use futures_util::future::LocalBoxFuture;

use super::multipart::{error_at, part_error, part_too_large};
use super::parts;
use crate::document::FaultKind;

/// Which files are accepted.
///
/// ```
/// use palisade::input::FileKind;
///
/// struct Contract;
///
/// impl FileKind for Contract {
///     const MEDIA_TYPES: &'static [&'static str] = &["application/pdf"];
///     const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// }
/// ```
pub trait FileKind: 'static {
    /// The accepted media types, in the names of the crate `infer`. Empty does not compile. A name that `infer` does not know
    /// accepts no file.
    ///
    /// Types without a signature, such as `text/plain`, `text/csv` and `image/svg+xml`, cannot be known by their content: read text
    /// as a [`Text`](super::Text).
    const MEDIA_TYPES: &'static [&'static str];

    /// The number of bytes that a file may have. Default: 1 MiB.
    ///
    /// The [limit](crate::PalisadeBuilder::body_limit) of the route holds too, and its default is lower.
    const MAX_BYTES: u64 = 1024 * 1024;
}

/// A file in a [`Multipart`](super::Multipart) body, whose content is of an accepted media type.
///
/// The type is determined from the first 8 KiB of the content while it arrives. The `Content-Type` and the name of the file, which
/// the client chooses, do not matter. If the type is not accepted, the rest is not read, and the error is 422 with the code
/// `file_type`. If the file has more bytes than [`MAX_BYTES`](FileKind::MAX_BYTES), the error is 413.
///
/// The file is in memory, and nowhere else. Store large files elsewhere, and let clients upload them there.
///
/// # Danger
///
/// The first bytes do not make a file sound: it may be broken, be two types at once, or contain a script. Decode and encode an image
/// anew before others see it, serve files from an origin of their own, and keep `X-Content-Type-Options: nosniff`.
pub struct File<K> {
    bytes: Bytes,
    media_type: &'static str,
    file_name: Option<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K> File<K> {
    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The media type of the content.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The last component of the name that the client gave the file. `None` if there is no name, or if it is unsafe to show: it has
    /// control characters or characters that change the direction of a text, it has more than 255 bytes, or it is `.` or `..`.
    ///
    /// # Danger
    ///
    /// It is a text to show, and not a path to write to (CWE-22, CWE-73): two clients may send the same name, the ending need not fit
    /// the content, and a name such as `con` or `.htaccess` has a meaning on some systems. Choose the name of a stored file yourself.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        self.file_name.clone()
    }
}

/// Without the content.
impl<K> fmt::Debug for File<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("media_type", &self.media_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// How many bytes determine the type. Most signatures are in the first 300. Those of documents in a ZIP file are further behind.
const DECISIVE: usize = 8192;

impl<'t, K: FileKind> FieldReader<'t> for File<K> {
    type Future = LocalBoxFuture<'t, Result<Self, MultipartError>>;

    fn read_field(request: &'t HttpRequest, mut field: Field, limits: &'t mut Limits) -> Self::Future {
        const { assert!(!K::MEDIA_TYPES.is_empty(), "`FileKind::MEDIA_TYPES` is empty, so no file would be accepted") };
        Box::pin(async move {
            let pointer = parts::note(request, &field);
            let most = usize::try_from(K::MAX_BYTES).unwrap_or(usize::MAX);
            let file_name = field.content_disposition().and_then(|header| header.get_filename()).and_then(safe_name);
            let decide = |bytes: &[u8]| {
                let fault = FaultKind::FileType(K::MEDIA_TYPES);
                media_type::<K>(bytes).ok_or_else(|| part_error(pointer.clone(), vec![error_at(&pointer, &fault)]))
            };
            let (mut bytes, mut media_type) = (BytesMut::new(), None);
            while let Some(chunk) = field.try_next().await? {
                limits.try_consume_limits(chunk.len(), true)?;
                if chunk.len() > most.saturating_sub(bytes.len()) {
                    return Err(part_too_large(pointer, most));
                }
                bytes.extend_from_slice(&chunk);
                if media_type.is_none() && bytes.len() >= DECISIVE {
                    media_type = Some(decide(&bytes)?);
                }
            }
            let media_type = match media_type {
                Some(media_type) => media_type,
                None => decide(&bytes)?,
            };
            Ok(Self { bytes: bytes.freeze(), media_type, file_name, kind: PhantomData })
        })
    }
}

/// The type of the content, if it is accepted. The same bytes have the same type, however they arrive.
fn media_type<K: FileKind>(bytes: &[u8]) -> Option<&'static str> {
    let found = infer::get(bytes.get(..DECISIVE).unwrap_or(bytes))?.mime_type();
    K::MEDIA_TYPES.iter().copied().find(|accepted| *accepted == found)
}

/// The longest name of a file on most systems, in bytes.
const LONGEST_NAME: usize = 255;

fn safe_name(name: &str) -> Option<String> {
    // `:` ends a drive, or the name of a stream of a file.
    let last = name.rsplit(['/', '\\', ':']).next()?.trim();
    let is_unsafe = |letter: char| letter.is_control() || changes_direction(letter);
    let is_safe = !matches!(last, "" | "." | "..") && last.len() <= LONGEST_NAME && !name.contains(is_unsafe);
    is_safe.then(|| last.to_owned())
}

/// Whether text after this character may be shown in another order (CVE-2021-42574).
fn changes_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_file_has_no_path_and_no_hidden_characters() {
        for (sent, kept) in [
            ("cat.png", Some("cat.png")),
            ("Zürich 1.png", Some("Zürich 1.png")),
            ("../../etc/passwd", Some("passwd")),
            ("..\\..\\boot.ini", Some("boot.ini")),
            ("C:cat.png", Some("cat.png")),
            ("cat.php::$DATA", Some("$DATA")),
            ("cat.png/", None),
            ("", None),
            (" ", None),
            ("..", None),
            ("a/.", None),
            ("cat.p\0hp", None),
            ("cat.png\r\nX: y", None),
            ("cat\u{202e}gnp.exe", None),
        ] {
            assert_eq!(safe_name(sent).as_deref(), kept, "{sent:?}");
        }
        assert_eq!(safe_name(&"a".repeat(255)).map(|name| name.len()), Some(255));
        assert_eq!(safe_name(&"a".repeat(256)), None);
    }

    struct Picture;

    impl FileKind for Picture {
        const MEDIA_TYPES: &'static [&'static str] = &["image/png", "image/gif"];
    }

    #[test]
    fn content_determines_the_type() {
        for (bytes, media_type) in [
            (&b"\x89PNG\r\n\x1a\n"[..], Some("image/png")),
            (b"GIF89a", Some("image/gif")),
            (b"\xff\xd8\xff\xe0", None),
            (b"MZ\x90\0", None),
            (b"<svg onload=alert(1)>", None),
            (b"plain", None),
            (b"", None),
        ] {
            assert_eq!(super::media_type::<Picture>(bytes), media_type, "{bytes:?}");
        }
    }

    /// `infer` reads bytes of strangers.
    #[test]
    fn no_bytes_make_the_recognition_panic() {
        let mut seed = 7_u64;
        let mut next = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize
        };
        let starts: [&[u8]; 14] = [
            b"",
            b"PK\x03\x04",
            b"\x89PNG\r\n\x1a\n",
            b"\x7fELF",
            b"MZ",
            b"RIFF",
            b"%PDF-",
            b"ID3",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"\0\0\0\x20ftyp",
            b"\x1a\x45\xdf\xa3",
            b"<?xml",
            b"8BPS",
            b"\xff\xd8\xff",
        ];
        for start in starts {
            for _ in 0..3_000 {
                let length = next() % 700;
                let mut bytes = start.to_vec();
                bytes.extend((0..length).map(|_| next() as u8));
                let _ = infer::get(&bytes);
                bytes.truncate(next() % 40);
                let _ = infer::get(&bytes);
            }
        }
    }
}
